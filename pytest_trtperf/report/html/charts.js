// What else is drawn of a measurement, a search or a pair; each function returns null where there is nothing.

const QUANTILES = [
  0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7,
  0.75, 0.8, 0.9, 0.925, 0.95, 0.975, 0.98, 0.99, 0.999, 1,
];
const TICKS = { P50: 0.5, P75: 0.75, P90: 0.9, P95: 0.95, P99: 0.99, "P99.9": 0.999, max: 1 };
const P99 = QUANTILES.indexOf(0.99);
const SHOWN_LAYERS = 15;
const SMALLEST = 0.005;
const LONGEST_LABEL = 44;

// Each change with its interval over its tolerance; of a race that of the race, and the stored one as a ring.
function gatesChart(details) {
  const found = details.verdicts.filter((one) => one.change !== null && one.change !== undefined && one.kind !== "budget");
  if (!found.length) return null;
  const paint = (one) => (one.failed ? "limit" : one.status === "pass" ? "kept" : "open");
  const rows = found.flatMap((one) => {
    const band = one.limit === null ? null : [-Math.abs(one.limit), Math.abs(one.limit)];
    const finds = one.finds !== null && one.finds !== undefined ? `; +${number(100 * one.finds, 2)}% would have been found` : "";
    const row = (name, change, low, high, more) => ({
      name, value: change, low, high, band, text: percent(change), also: one.finds ? [one.finds] : [],
      hint: `${name}: ${percent(change)} [${low === null ? "" : percent(low)}, ${high === null ? "" : percent(high)}]${finds}`, ...more,
    });
    const stored = row(one.metric, one.change, one.lower, one.upper, { colour: one.race ? "then" : paint(one), shape: one.race ? "ring" : "dot" });
    if (!one.race) return [stored];
    const { change, lower, upper } = one.race;
    return [{ ...stored, name: `${one.metric}, stored` }, row(`${one.metric}, race`, change, lower, upper, { colour: paint(one), also: [] })];
  });
  const ends = rows.flatMap((row) => [row.value, row.low, row.high, ...(row.band ?? []), ...row.also]).filter(Number.isFinite);
  const limit = Math.max(0.01, ...found.map((one) => Math.abs(one.limit ?? 0)));
  const reach = (bound) => Math.sign(bound) * Math.min(Math.abs(bound), Math.max(6 * limit, 1.1 * Math.max(...rows.map((row) => Math.abs(row.value)))));
  const [low, high] = roomy([...ends.map(reach), 0]);
  const scale = new Scale({ range: [low, high] }, 0, 1);
  return {
    caption: "Changes against the baseline",
    note: `change with its interval over the tolerance${found.some((one) => one.finds) ? "; the bar is the smallest slowdown that would be found with 90 % power" : ""}`,
    wide: true, rows,
    x: { label: "change", range: [low, high], ticks: scale.ticks(6).map(([value]) => [value, value ? percent(value, Math.abs(value) < 0.01 ? 2 : 1) : "0"]) },
  };
}

// Each block of turns: new over reference, with the interval of all of them.
function blocksChart({ caption, note, blocks, change, lower, upper, limit, failed }) {
  const values = blocks.map((share) => 100 * share);
  const ends = [lower, upper].map((one) => (Number.isFinite(one) ? 100 * one : null));
  const colour = failed ? "limit" : "kept";
  const bands = [];
  if (Number.isFinite(limit)) bands.push({ name: `tolerance ${number(100 * Math.abs(limit), 3)}%`, from: -100 * Math.abs(limit), to: 100 * Math.abs(limit), colour: "then" });
  if (ends.every(Number.isFinite)) bands.push({ name: "interval", from: ends[0], to: ends[1], colour });
  const reach = [...values, 0, ...bands.flatMap((band) => [band.from, band.to])];
  return {
    caption, note, x: { label: "block", range: [0.5, values.length + 0.5], ticks: values.map((_, place) => [place + 1, String(place + 1)]) },
    panels: [{
      height: 180, label: "change, %", y: { range: roomy(reach) }, bands,
      levels: [{ at: 100 * change, text: percent(change, 2), colour, dash: "" }],
      series: [{ colour: "now", shape: "dot", size: 4, points: values.map((value, place) => [place + 1, value, `block ${place + 1}: ${percent(value / 100, 2)}`]) }],
    }],
  };
}

function raceCharts(details) {
  return details.verdicts.filter((one) => one.race?.blocks?.length).map(({ race, limit, metric, failed }) => blocksChart({
    ...race, limit, failed, caption: `Race by block, ${metric}`, note: `new engine over reference; ${race.extent}; reference ${race.source}`,
  }));
}

function pairBlocksCharts(details) {
  return Object.entries(details.block_changes).filter(([, blocks]) => blocks.length).map(([kind, blocks]) => {
    const { value, lower, upper } = details.ratios[kind];
    const verdict = details.verdicts.find((one) => one.metric.toLowerCase().endsWith(kind) && one.limit !== null);
    const ends = [lower, upper].map((bound) => (Number.isFinite(bound) && bound > 0 ? bound - 1 : null));
    return blocksChart({
      caption: `Turns by block, ${kind}`, note: "new engine over reference", blocks, change: value - 1, lower: ends[0], upper: ends[1],
      limit: verdict?.limit ?? null, failed: verdict?.failed ?? false,
    });
  });
}

function nowAndThen(distribution, points) {
  const now = { name: "this run", colour: "now", line: true, points: points(distribution.now) };
  if (!distribution.then) return [now];
  return [{ name: "baseline", colour: "then", line: true, points: points(distribution.then) }, now];
}

// The share of queries that were at least this fast. One slow query in a thousand would squeeze the others
// into a corner; its time is in the next chart.
function distributionChart(details, { metric }, log) {
  if (!details.distributions[metric]) return null;
  const series = nowAndThen(details.distributions[metric], (values) => values.slice(0, P99 + 1)
    .map((value, place) => [value, 100 * QUANTILES[place], `${number(100 * QUANTILES[place])}% within ${number(value, 5)} ms`]));
  series.at(-1).area = true;
  const kind = log ? "log" : "linear";
  return {
    caption: `Distribution of ${metric}`,
    note: "share of queries within a time, up to P99; the middle over the rounds",
    x: { kind, label: "ms", range: roomy(series.flatMap((one) => one.points.map(([value]) => value)), { kind }) },
    panels: [{ height: 200, label: "% of queries", y: { range: [0, 102] }, series }],
  };
}

// Percentiles on a scale that gives each nine the same room, with the budgets on them.
function percentileChart(details, { metric }, log) {
  if (!details.distributions[metric]) return null;
  const place = (fraction) => (fraction < 1 ? -Math.log10(1 - fraction) : 3.5);
  const label = (fraction) => (fraction < 1 ? `P${+(100 * fraction).toFixed(1)}` : "max");
  const series = nowAndThen(details.distributions[metric], (values) => values
    .map((value, at) => [place(QUANTILES[at]), value, `${label(QUANTILES[at])}: ${number(value, 5)} ms`]));
  for (const one of series) Object.assign(one, { shape: "dot", size: 2.5 });
  const values = series.flatMap((one) => one.points.map(([, value]) => value));
  const highest = Math.max(...values);
  const unseen = [];
  let held = false;
  for (const verdict of details.verdicts.filter((one) => one.kind === "budget" && one.limit !== null)) {
    const [, p, of] = /^P([\d.]+) of (\w+)$/.exec(verdict.metric) ?? [];
    if (of !== metric) continue;
    held = true;
    const [x, name] = [place(p / 100), `P${p} budget ${number(verdict.limit)} ms`];
    if (verdict.limit > 4 * highest) {
      unseen.push(`${name}, far above`);
      continue;
    }
    const word = verdict.status === "inconclusive" ? "inconclusive" : verdict.failed ? "missed" : "kept";
    series.push({ name: `${name}: ${word}`, colour: verdict.failed ? "limit" : "kept", line: true, dash: "dashed",
      points: [[Math.max(x - 0.45, 0), verdict.limit], [Math.min(x + 0.45, 3.6), verdict.limit]] });
    values.push(verdict.limit);
  }
  const kind = log ? "log" : "linear";
  return {
    caption: `Percentiles of ${metric}${held ? " against the budget" : ""}`,
    note: ["the middle over the rounds", ...unseen].join("; "),
    x: { range: [-0.08, 3.62], ticks: Object.entries(TICKS).map(([text, fraction]) => [place(fraction), text]) },
    panels: [{ height: 200, label: "ms", y: { kind, range: roomy(values, { kind }) }, series }],
  };
}

function layerChart(details) {
  if (!details.layers.length) return null;
  const change = details.then_has_layers;
  const grown = ([, now, then]) => (change ? (now ?? 0) - (then ?? 0) : now);
  const largest = [...details.layers].sort((a, b) => Math.abs(grown(b)) - Math.abs(grown(a)));
  const reach = Math.abs(grown(largest[0]));
  if (!reach) return null;
  const shown = largest.slice(0, SHOWN_LAYERS).filter((layer) => Math.abs(grown(layer)) >= SMALLEST * reach)
    .sort((a, b) => grown(b) - grown(a));
  const rest = `; the ${shown.length} ${change ? "that changed most" : "longest"} of ${details.layers.length}`;
  const rows = shown.map((layer) => {
    const [name, now, then] = layer;
    const value = grown(layer);
    return {
      name: shortened(name, LONGEST_LABEL), value, text: (change && value > 0 ? "+" : "") + number(value, 3),
      colour: change ? (value > 0 ? "tail" : "kept") : "now",
      hint: `${shortened(name, 200)}: ${change ? `${number(then)} ms before, ` : ""}${number(now)} ms here`,
    };
  });
  const values = rows.map((row) => row.value);
  return {
    caption: change ? "Layers, change against the baseline" : "Layers",
    note: `median of each, ms${details.layers.length > shown.length ? rest : ""}`,
    wide: true, bars: true, rows,
    x: { label: change ? "ms more than in the baseline" : "ms", range: [Math.min(0, ...values), Math.max(0, ...values)] },
  };
}

// All points of a sweep, the opened one marked.
function sweepChart(details, all) {
  if (!details.sweep || details.sweep_points.length < 2) return null;
  const points = details.sweep_points.map((place) => all[place]).sort((a, b) => a.sweep.value - b.sweep.value);
  const x = points.map((one) => one.sweep.value);
  const byRate = details.sweep.variable === "request_rate";
  const name = details.sweep.variable.replace("_", " ");
  const series = (title, values, colour, more) => ({ name: title, colour, line: true, shape: "dot",
    points: values.map((value, place) => [x[place], value, `${title} ${number(value, 5)} at ${number(x[place])}`]), ...more });
  const figure = (key) => points.map((one) => one.summary[one.judged][key]);
  const times = [series("median", figure("median"), "now"), series("P99", figure("p99"), "tail")];
  const then = points.map((one) => one.distributions[one.judged].then?.[P99] ?? null);
  if (then.some((value) => value !== null)) times.push(series("P99 in the baseline", then, "then", { dash: "dotted" }));
  const second = points.map((one) => one.throughput * (byRate ? 1 : one.sweep.value));
  const range = (lines) => ({ range: roomy(lines.flatMap((one) => one.points.map(([, value]) => value)), { zero: true }) });
  const rates = [series(byRate ? "reached, qps" : "samples per second", second, "kept")];
  return {
    caption: `Sweep over ${name}`,
    note: `this measurement is at ${number(details.sweep.value)}`,
    wide: true, marks: [{ x: details.sweep.value, colour: "soft", dash: "dotted" }],
    x: { label: byRate ? "request rate, qps" : name, range: roomy(x) },
    panels: [
      { height: 170, label: `${details.judged}, ms`, y: range(times), series: times },
      { height: 110, label: rates[0].name, y: range(rates), series: rates },
    ],
  };
}

function rateChart(details) {
  const dots = (name, saturated, colour, shape) => ({ name, colour, shape, size: 4,
    points: details.trials.filter((one) => one.saturated === saturated)
      .map((one) => [one.rate, one.response_ms, `${number(one.rate)} qps: ${number(one.response_ms)} ms`]) });
  const rates = [...details.trials.map((one) => one.rate), details.rate, details.lower, details.upper].filter((one) => one > 0);
  const series = [dots("tried", false, "now", "dot"), dots("saturated", true, "limit", "cross")].filter((one) => one.points.length);
  const times = [...details.trials.map((one) => one.response_ms), details.limit_ms];
  return {
    caption: "P99 of response by request rate",
    note: `${number(details.rate)} qps keep ${number(details.limit_ms)} ms; the interval is shaded`,
    wide: true, spans: [{ kind: "range", from: details.lower, to: details.upper }],
    marks: [{ x: details.rate, colour: "kept", dash: "" }],
    x: { kind: "log", label: "request rate, qps", range: roomy(rates, { kind: "log" }) },
    panels: [{
      height: 220, label: "P99 of response, ms", y: { kind: "log", range: roomy(times, { kind: "log" }) }, series,
      levels: [{ at: details.limit_ms, text: `limit ${number(details.limit_ms)} ms`, colour: "limit" }],
    }],
  };
}

function pairChart(details) {
  const rows = Object.entries(details.ratios).map(([kind, ratio]) => {
    const verdict = details.verdicts.find((one) => one.metric.toLowerCase().endsWith(kind) && one.limit !== null);
    const [low, high] = [ratio.lower, ratio.upper].map((bound) => (Number.isFinite(bound) && bound > 0 ? bound - 1 : null));
    return {
      name: kind, value: ratio.value - 1, low, high, text: percent(ratio.value - 1, 2), also: verdict ? [verdict.limit] : [],
      colour: verdict?.failed ? "limit" : "now",
      hint: `${kind}: ${percent(ratio.value - 1, 2)}${verdict ? `, limit ${percent(verdict.limit)}` : ""}`,
    };
  });
  if (!rows.length) return null;
  const [low, high] = roomy([0, ...rows.flatMap((row) => [row.value, row.low, row.high, ...row.also])]);
  const ticks = new Scale({ range: [low, high] }, 0, 1).ticks(6).map(([value]) => [value, value ? percent(value) : "0"]);
  return {
    caption: "New engine against the reference",
    note: "change with its interval, and the limit as a bar; of times less is better, of throughput more",
    wide: true, rows, x: { label: "change", range: [low, high], ticks },
  };
}
