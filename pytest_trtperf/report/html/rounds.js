// What the gate saw: the number that is judged, round by round, with its baseline and tolerance.

const LONG_WAIT = 4;
const FAR = 3;

// The numbers of a measurement that can be looked at, what failed first.
function gatesOf(details) {
  const found = new Map();
  const add = (metric, stat) => {
    const known = stat === "rate" || metric in details.distributions;
    if (known) found.set(gateName({ metric, stat }), { metric, stat });
  };
  const ranks = details.verdicts.map((one, place) => [one.failed ? 0 : one.kind === "budget" ? 2 : 1, place, one]);
  for (const [, , verdict] of ranks.sort(([a, i], [b, j]) => a - b || i - j)) {
    const compared = /^(\w+) (median|P99)$/.exec(verdict.metric);
    const budget = /^P([\d.]+) of (\w+)$/.exec(verdict.metric);
    if (compared) add(compared[1], compared[2] === "P99" ? "p99" : "median");
    else if (budget) add(budget[2], "p99");
    else if (verdict.metric === "throughput") add("throughput", "rate");
  }
  add(details.judged, "median");
  add("throughput", "rate");
  for (const metric of Object.keys(details.distributions)) {
    if (![...found.values()].some((one) => one.metric === metric)) add(metric, "median");
  }
  return [...found.values()];
}

function gateName({ metric, stat }) {
  return stat === "rate" ? "throughput" : `${metric} ${stat === "p99" ? "P99" : "median"}`;
}

function unitOf({ stat }) {
  return stat === "rate" ? "qps" : "ms";
}

// What would squeeze these numbers into a corner is named and not drawn.
function isFar(limit, values) {
  return limit > FAR * Math.max(...values) || limit < Math.min(...values) / FAR;
}

function valuesOf(details, { metric, stat }) {
  return stat === "rate" ? details.over_time.throughput : details.over_time[stat][metric];
}

function gateVerdict(details, gate) {
  const name = gateName(gate);
  return details.verdicts.find((one) => one.metric === name && one.baseline !== null && one.kind !== "pair");
}

function budgetOf(details, { metric, stat }) {
  const name = stat === "rate" ? "throughput" : stat === "p99" ? `P99 of ${metric}` : `P50 of ${metric}`;
  return details.verdicts.find((one) => one.kind === "budget" && one.metric === name && one.limit !== null);
}

// Times without rounds that are long beside these: other processes had their turn, or a session began.
function waitsOf({ started, ended }) {
  const order = started.map((_, place) => place).sort((a, b) => started[a] - started[b]);
  const gaps = order.slice(1).map((place, before) => [ended[order[before]], started[place]]);
  const usual = order.map((place) => ended[place] - started[place]).sort((a, b) => a - b)[order.length >> 1] || 0.1;
  return gaps.filter(([from, to]) => to - from > LONG_WAIT * usual);
}

function secondsText(seconds) {
  return seconds < 90 ? `${number(seconds, 2)} s` : `${number(seconds / 60, 2)} min`;
}

// Points in the order of measuring; the line is broken where it waited.
function brokenByWaits(points, waits) {
  const found = [];
  points.forEach((point, place) => {
    const before = points[place - 1];
    if (before && waits.some(([from, to]) => before[0] <= from + 1e-9 && point[0] >= to - 1e-9)) found.push(null);
    found.push(point);
  });
  return found;
}

function roundsPanel(details, gate, waits, main, log) {
  const { at, set_aside: aside, why, queries, session } = details.over_time;
  const values = valuesOf(details, gate);
  const unit = unitOf(gate);
  const kind = log ? "log" : "linear";
  const place = at.map((_, one) => one);
  const words = (one) => `${number(values[one], 5)} ${unit}, session ${session[one] + 1}, ${number(queries[one])} queries`;
  const kept = place.filter((one) => !aside[one]).map((one) => [at[one], values[one], words(one)]);
  const lost = place.filter((one) => aside[one]).map((one) => [at[one], values[one], `${words(one)}, set aside: ${why[one]}`]);
  const panel = {
    height: main ? 200 : 110, label: `${gateName(gate)}, ${unit}`, bands: [], levels: [],
    series: [{ name: "rounds", colour: main ? "now" : "tail", line: true, shape: "dot", points: brokenByWaits(kept, waits) }],
  };
  if (lost.length) panel.series.push({ name: "set aside", colour: "limit", shape: "cross", size: 4, points: lost });
  for (const one of sessionLevels(details, values)) panel.series.push(one);
  const shown = [...kept, ...lost].map(([, value]) => value);
  const unseen = withLimits(panel, details, gate, shown);
  panel.y = { kind, range: roomy(shown, { kind }) };
  return { panel, unseen };
}

// Each session with the places of its rounds.
function bySession({ session }) {
  const found = new Map();
  session.forEach((one, place) => found.set(one, [...(found.get(one) ?? []), place]));
  return [...found];
}

// The middle of each session, where there are several.
function sessionLevels(details, values) {
  const { started, ended, set_aside: aside } = details.over_time;
  const sessions = bySession(details.over_time);
  if (sessions.length < 2) return [];
  const points = [];
  for (const [, all] of sessions) {
    const places = all.filter((place) => !aside[place]);
    if (!places.length) continue;
    const sorted = places.map((place) => values[place]).sort((a, b) => a - b);
    const middle = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
    points.push([Math.min(...places.map((place) => started[place])), middle], [Math.max(...places.map((place) => ended[place])), middle], null);
  }
  return [{ name: "middle of a session", colour: "ink", line: true, wide: true, points }];
}

// Baseline with its tolerance, reference of the race, budget; returns what is too far away to be shown.
function withLimits(panel, details, gate, shown) {
  const verdict = gateVerdict(details, gate);
  if (verdict) {
    const worst = gate.stat === "rate" ? verdict.baseline / (1 + verdict.limit) : verdict.baseline * (1 + verdict.limit);
    panel.bands.push({ name: `tolerance ${number(100 * verdict.limit, 3)}%`, from: verdict.baseline, to: worst, colour: "then" });
    panel.levels.push({ at: verdict.baseline, text: `baseline ${number(verdict.baseline)}`, colour: "soft", dash: "" });
    shown.push(verdict.baseline, worst);
    if (verdict.race) {
      panel.levels.push({ at: verdict.race.reference, text: `reference in the race ${number(verdict.race.reference)}`, colour: "race", left: true });
      shown.push(verdict.race.reference);
    }
  }
  const budget = budgetOf(details, gate);
  if (!budget) return [];
  const sign = gate.stat === "rate" ? "≥" : "≤";
  if (isFar(budget.limit, shown)) return [`budget ${sign} ${number(budget.limit)} ${unitOf(gate)}, far away`];
  panel.levels.push({ at: budget.limit, text: `budget ${sign} ${number(budget.limit)}`, colour: budget.failed ? "limit" : "kept" });
  shown.push(budget.limit);
  return [];
}

function devicePanel({ name, at, values }, waits) {
  return {
    height: 48, label: name, y: { range: roomy(values) },
    series: [{ colour: "soft", line: true, points: brokenByWaits(at.map((x, place) => [x, values[place], `${name} ${number(values[place], 5)}`]), waits) }],
  };
}

function roundsChart(details, gate, log) {
  if (!valuesOf(details, gate)) return null;
  const { started, ended } = details.over_time;
  const waits = waitsOf(details.over_time);
  const end = Math.max(...ended);
  const other = gate.stat === "rate" ? null : { metric: gate.metric, stat: gate.stat === "p99" ? "median" : "p99" };
  const parts = [roundsPanel(details, gate, waits, true, log)];
  if (other) parts.push(roundsPanel(details, other, waits, false, log));
  const sessions = bySession(details.over_time);
  const spans = waits.map(([from, to]) => ({ kind: "wait", from, to, text: secondsText(to - from) }));
  const marks = sessions.length < 2 ? [] : sessions.map(([one, places]) => ({
    x: Math.min(...places.map((place) => started[place])), label: `session ${one + 1}`, colour: "soft", dash: "dotted",
  }));
  return {
    caption: `${gateName(gate)} by round`,
    note: [
      "a point for each round", waits.length ? "shaded where it waited" : null, ...parts.flatMap((one) => one.unseen),
    ].filter(Boolean).join("; "),
    wide: true, spans, marks,
    x: {
      kind: "folded", label: "seconds since the first round", range: [0, end],
      folding: foldedTime(waits, end - waits.reduce((sum, [from, to]) => sum + to - from, 0)),
    },
    panels: [...parts.map((one) => one.panel), ...details.device.map((one) => devicePanel(one, waits))],
  };
}
