// From numbers to places on an axis: linear, logarithmic, by time, and by time without long waits.

const STEPS = [1, 2, 5, 10];
const DAY = 86_400_000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function roundStep(span, count) {
  const rough = span / Math.max(count, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * STEPS.find((step) => step * power >= rough * 0.999);
}

function decimals(step) {
  return Math.max(0, Math.min(12, -Math.floor(Math.log10(step) + 1e-9)));
}

function fixed(value, digits) {
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return Number(value.toFixed(digits)) === 0 ? text.replace("-", "") : text;
}

function linearTicks(low, high, count) {
  const step = roundStep(high - low, count);
  const ticks = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + 1e-9 * step; place += 1) {
    ticks.push([place * step, fixed(place * step, decimals(step))]);
  }
  return ticks;
}

function logTicks(low, high, count) {
  const decades = Math.log10(high / low);
  if (decades < 0.7) return linearTicks(low, high, count).filter(([value]) => value > 0);
  const inner = decades < 2.5 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    for (const step of inner) {
      const value = step * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push([value, number(value, 6)]);
    }
  }
  return ticks;
}

function timeTicks(low, high, count) {
  const days = (high - low) / DAY;
  if (days / count > 20) return monthTicks(low, high, Math.max(1, Math.ceil(days / 30.4 / count)));
  const step = [1, 2, 7, 14, 28].find((one) => days / one <= count) ?? 28;
  const ticks = [];
  for (let at = Math.ceil(low / DAY) * DAY; at <= high; at += step * DAY) ticks.push([at, dayText(at)]);
  return ticks;
}

function monthTicks(low, high, every) {
  const step = [1, 2, 3, 6, 12].find((one) => one >= every) ?? 12 * Math.ceil(every / 12);
  const ticks = [];
  const first = new Date(low);
  for (let month = Math.ceil(first.getUTCMonth() / step) * step; ; month += step) {
    const at = Date.UTC(first.getUTCFullYear(), month, 1);
    if (at > high) return ticks;
    const day = new Date(at);
    const year = day.getUTCMonth() === 0 || !ticks.length ? ` ${day.getUTCFullYear()}` : "";
    if (at >= low) ticks.push([at, `${MONTHS[day.getUTCMonth()]}${year}`]);
  }
}

function dayText(at) {
  const day = new Date(at);
  return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]}`;
}

// Waits become short and equally wide: the ends of each are its place among the pieces.
function foldedTime(waits, span) {
  const width = 0.045 * span;
  const fold = (value) => waits.reduce((at, [from, to]) =>
    (value >= to ? at - (to - from) + width : value > from ? at - (value - from) * (1 - width / (to - from)) : at), value);
  const unfold = (place) => {
    let low = place;
    let high = place + waits.reduce((sum, [from, to]) => sum + to - from, 0);
    for (let step = 0; step < 60; step += 1) {
      const middle = (low + high) / 2;
      if (fold(middle) < place) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  return { fold, unfold, waits };
}

const SAME = { fold: (value) => value, unfold: (place) => place };
const LOG = { fold: Math.log, unfold: Math.exp };
const TICKS_OF = { linear: linearTicks, log: logTicks, time: timeTicks };

// An axis: `kind` linear, log, time or folded (with `folding`), `range` in numbers, own `ticks` or round ones.
class Scale {
  constructor({ kind = "linear", range, ticks = null, folding = null }, from, to) {
    const { fold, unfold } = folding ?? (kind === "log" ? LOG : SAME);
    const [low, high] = range.map(fold);
    Object.assign(this, { kind, range, own: ticks, waits: folding?.waits, fold, unfold, low, width: high - low || 1, from, length: to - from });
  }

  place(value) {
    return this.from + ((this.fold(value) - this.low) / this.width) * this.length;
  }

  value(place) {
    return this.unfold(this.low + ((place - this.from) / this.length) * this.width);
  }

  // Round times between the waits.
  foldedTicks(count) {
    const step = roundStep(this.width, count);
    const pieces = [];
    let from = this.range[0];
    for (const [start, end] of this.waits) {
      if (end <= this.range[0] || start >= this.range[1]) continue;
      pieces.push([from, start]);
      from = end;
    }
    pieces.push([from, this.range[1]]);
    return pieces.filter(([low, high]) => high > low).flatMap(([low, high]) => linearTicks(low, high, (high - low) / step));
  }

  has(value) {
    return value >= this.range[0] && value <= this.range[1];
  }

  ticks(count) {
    if (this.kind === "folded") return this.foldedTicks(count);
    if (this.own) return this.own.filter(([value]) => this.has(value));
    const round = (most) => TICKS_OF[this.kind](...this.range, most).filter(([value]) => this.has(value));
    const found = round(count);
    return found.length > 1 ? found : round(2 * count);
  }
}

// The range of numbers with some room; from zero where that is asked for.
function roomy(values, { kind = "linear", zero = false } = {}) {
  const known = values.filter((value) => Number.isFinite(value) && (kind !== "log" || value > 0));
  if (!known.length) return kind === "log" ? [0.1, 10] : [0, 1];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (kind === "log") {
    const room = (high / low) ** 0.06;
    return high > low ? [low / room, high * room] : [low / 1.1, high * 1.1];
  }
  const room = 0.06 * (high - low) || 0.02 * Math.abs(high) || 1;
  return [zero && low >= 0 ? 0 : low - room, high + room];
}
