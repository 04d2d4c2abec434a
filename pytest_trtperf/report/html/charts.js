// How long queries and layers take: distributions, percentiles, sweeps and searches for a rate. Null is nothing to draw.

const QUANTILES = [
  0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7,
  0.75, 0.8, 0.9, 0.925, 0.95, 0.975, 0.98, 0.99, 0.999, 1,
];
const TICKS = { P50: 0.5, P75: 0.75, P90: 0.9, P95: 0.95, P99: 0.99, "P99.9": 0.999, max: 1 };
const P99 = QUANTILES.indexOf(0.99);
const SHOWN_LAYERS = 15;
const SMALLEST = 0.005;
const LONGEST_LABEL = 44;

function nowAndThen(distribution, points) {
  const now = { name: "this run", colour: "now", line: true, points: points(distribution.now) };
  if (!distribution.then) return [now];
  return [{ name: "baseline", colour: "then", line: true, points: points(distribution.then) }, now];
}

// The share of queries that were at least this fast. One slow query in a thousand would squeeze the others
// into a corner; its time is in the next chart.
function sharesWithin(values) {
  return values.slice(0, P99 + 1)
    .map((value, place) => [value, 100 * QUANTILES[place], `${number(100 * QUANTILES[place])}% within ${number(value, 5)} ms`]);
}

function distributionPlot(caption, note, series, kind = "linear") {
  return {
    caption, note,
    x: { kind, label: "ms", range: roomy(series.flatMap((one) => one.points.map(([value]) => value)), { kind }) },
    panels: [{ height: 200, label: "% of queries", y: { range: [0, 102] }, series }],
  };
}

function distributionChart(details, { metric }, log) {
  if (!details.distributions[metric]) return null;
  const series = nowAndThen(details.distributions[metric], sharesWithin);
  series.at(-1).area = true;
  const note = "share of queries within a time, up to P99; the middle over the rounds";
  return distributionPlot(`Distribution of ${metric}`, note, series, log ? "log" : "linear");
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
  const shown = [...values];
  const unseen = [];
  let held = false;
  for (const verdict of details.verdicts.filter((one) => one.kind === "budget" && one.limit !== null)) {
    const [, p, of] = /^P([\d.]+) of (\w+)$/.exec(verdict.metric) ?? [];
    if (of !== metric) continue;
    held = true;
    const [x, name] = [place(p / 100), `P${p} budget ${number(verdict.limit)} ms`];
    if (isFar(verdict.limit, shown)) {
      unseen.push(`${name}, far away`);
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
  const batches = details.sweeps_batches;
  const second = points.map((one) => one.throughput * (batches ? one.sweep.value : 1));
  const range = (lines) => ({ range: roomy(lines.flatMap((one) => one.points.map(([, value]) => value)), { zero: true }) });
  const rates = [series(batches ? "samples per second" : byRate ? "reached, qps" : "throughput, qps", second, "kept")];
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
