// What is drawn: each function returns caption, traces and layout, or null where there is nothing.

const QUANTILES = [
  0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7,
  0.75, 0.8, 0.9, 0.925, 0.95, 0.975, 0.98, 0.99, 0.999, 1,
];
const TICKS = { P50: 0.5, P75: 0.75, P90: 0.9, P95: 0.95, P99: 0.99, "P99.9": 0.999, max: 1 };
const SHOWN_LAYERS = 15;
const SMALLEST = 0.005;
const LONGEST_LABEL = 44;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function line(name, x, y, colourName, more = {}) {
  const { dash = "solid", width = 2, ...rest } = more;
  const style = { color: colour(colourName), dash, width };
  return { type: "scatter", mode: "lines", name, x, y, line: style, ...rest };
}

function dashed(name, from, to, colourName, more = {}) {
  return line(name, [from[0], to[0]], [from[1], to[1]], colourName, { dash: "dash", width: 1.5, ...more });
}

function nowAndThen(distribution, points) {
  const now = line("this run", ...points(distribution.now), "now");
  if (!distribution.then) return [now];
  return [line("baseline", ...points(distribution.then), "then"), now];
}

// The share of queries that were at least this fast.
function distributionChart(details, metric) {
  const shares = QUANTILES.map((fraction) => 100 * fraction);
  const traces = nowAndThen(details.distributions[metric], (values) => [values, shares]);
  for (const trace of traces) trace.hovertemplate = "%{y:.4~g}% within %{x:.5~g} ms";
  traces.at(-1).fill = "tozeroy";
  traces.at(-1).fillcolor = `${colour("now")}1f`;
  // One slow query in a thousand would squeeze the others into a corner; its time is in the next chart.
  const body = traces.flatMap((trace) => [trace.x[0], trace.x[QUANTILES.indexOf(0.99)]]);
  const [low, high] = [Math.min(...body), Math.max(...body)];
  const margin = 0.06 * (high - low) || 0.01 * high;
  return {
    caption: `Distribution of ${metric}`,
    note: "share of queries within a time, up to P99; the middle over the rounds",
    traces,
    layout: {
      xaxis: { title: { text: "ms" }, range: [low - margin, high + margin] },
      yaxis: { title: { text: "% of queries" }, range: [0, 102] },
    },
  };
}

// Percentiles on a scale that gives each nine the same room, with the budgets on them.
function percentileChart(details, metric) {
  const place = (fraction) => (fraction < 1 ? -Math.log10(1 - fraction) : 3.5);
  const labels = QUANTILES.map((fraction) => (fraction < 1 ? `P${+(100 * fraction).toFixed(1)}` : "max"));
  const traces = nowAndThen(details.distributions[metric], (values) => [QUANTILES.map(place), values]);
  for (const trace of traces) {
    Object.assign(trace, { mode: "lines+markers", marker: { size: 4 }, text: labels });
    trace.hovertemplate = "%{text}: %{y:.5~g} ms";
  }
  const highest = Math.max(...traces.flatMap((trace) => trace.y));
  const unseen = [];
  const budgets = details.verdicts.filter((one) => one.kind === "budget" && one.limit !== null);
  let held = false;
  for (const verdict of budgets) {
    const [, p, of] = /^P([\d.]+) of (\w+)$/.exec(verdict.metric) ?? [];
    if (of !== metric) continue;
    held = true;
    const [x, name] = [place(p / 100), `P${p} budget ${number(verdict.limit)} ms`];
    if (verdict.limit > 4 * highest) {
      unseen.push(`${name}, far above`);
      continue;
    }
    const word = verdict.status === "inconclusive" ? "inconclusive" : verdict.failed ? "missed" : "kept";
    const paint = verdict.failed ? "limit" : "kept";
    const [from, to] = [Math.max(x - 0.45, 0), Math.min(x + 0.45, 3.6)];
    traces.push(dashed(`${name}: ${word}`, [from, verdict.limit], [to, verdict.limit], paint));
  }
  return {
    caption: `Percentiles of ${metric}${held ? " against the budget" : ""}`,
    note: ["the middle over the rounds", ...unseen].join("; "),
    traces,
    layout: {
      xaxis: { tickvals: Object.values(TICKS).map(place), ticktext: Object.keys(TICKS), range: [-0.08, 3.62] },
      yaxis: { title: { text: "ms" }, rangemode: "normal" },
    },
  };
}

// Medians and P99 of the rounds by time, and what the device did meanwhile below.
function timeChart(details, metric) {
  const { at, median, p99, set_aside, why } = details.over_time;
  if (!median[metric]) return null;
  const kept = at.map((_, place) => place).filter((place) => !set_aside[place]);
  const aside = at.map((_, place) => place).filter((place) => set_aside[place]);
  const of = (values, places) => places.map((place) => values[place]);
  const traces = [["median", median, "now"], ["P99", p99, "tail"]].map(([name, values, paint]) =>
    line(name, of(at, kept), of(values[metric], kept), paint, {
      mode: "lines+markers", marker: { size: 5 }, hovertemplate: `${name}: %{y:.5~g} ms`,
    }));
  if (aside.length) {
    traces.push({
      type: "scatter", mode: "markers", name: "set aside", x: of(at, aside), y: of(p99[metric], aside),
      marker: { symbol: "x", size: 8, color: colour("limit") }, text: of(why, aside).map(plain),
      hovertemplate: "%{y:.5~g} ms: %{text}",
    });
  }
  return {
    caption: `${metric} over the run`,
    note: `a point for each round${details.device.length ? "; the circumstances below" : ""}`,
    wide: true, traces, ...withDevice(traces, details.device),
  };
}

// Layout of the rounds with a strip for each number of the device below; adds their traces.
function withDevice(traces, device) {
  const [rounds, strip, gap] = [220, 56, 34];
  const whole = rounds + device.length * (strip + gap);
  const layout = {
    xaxis: { title: { text: "s since the first round" }, anchor: device.length ? `y${device.length + 1}` : "y" },
    yaxis: { title: { text: "ms" }, domain: [1 - rounds / whole, 1] },
    annotations: [],
  };
  device.forEach((one, place) => {
    const top = 1 - (rounds + gap + place * (strip + gap)) / whole;
    traces.push(line(one.name, one.at, one.values, "soft", {
      yaxis: `y${place + 2}`, width: 1.5, showlegend: false, hovertemplate: `${one.name}: %{y:.5~g}`,
    }));
    layout[`yaxis${place + 2}`] = { domain: [Math.max(top - strip / whole, 0), top], nticks: 3 };
    layout.annotations.push({
      text: one.name, showarrow: false, xref: "paper", x: 0, xanchor: "left", yref: "paper", y: top, yanchor: "bottom",
      font: { size: 11, color: colour("soft") },
    });
  });
  return { height: whole + 76, layout };
}

function layerChart(details) {
  if (!details.layers.length) return null;
  const change = details.then_has_layers;
  const grown = ([, now, then]) => (change ? (now ?? 0) - (then ?? 0) : now);
  const largest = [...details.layers].sort((a, b) => Math.abs(grown(b)) - Math.abs(grown(a)));
  const reach = Math.abs(grown(largest[0]));
  const shown = largest.slice(0, SHOWN_LAYERS).filter((layer) => Math.abs(grown(layer)) >= SMALLEST * reach)
    .sort((a, b) => grown(a) - grown(b));
  if (!reach) return null;
  const rest = `; the ${shown.length} ${change ? "that changed most" : "longest"} of ${details.layers.length}`;
  const values = shown.map(grown);
  const trace = {
    type: "bar", orientation: "h", x: values, y: shown.map((_, place) => place),
    text: values.map((value) => (change && value > 0 ? "+" : "") + number(value, 3)),
    textposition: "outside", cliponaxis: false,
    marker: { color: values.map((value) => colour(change ? (value > 0 ? "tail" : "kept") : "now")) },
    hovertext: shown.map(([name, now, then]) =>
      `${plain(shortened(name, 200))}<br>${change ? `${number(then)} ms before, ` : ""}${number(now)} ms here`),
    hoverinfo: "text", showlegend: false,
  };
  const [low, high] = [Math.min(0, values[0]), Math.max(0, values.at(-1))];
  const room = 0.18 * (high - low);
  return {
    caption: change ? "Layers, change against the baseline" : "Layers",
    note: `median of each, ms${details.layers.length > shown.length ? rest : ""}`,
    wide: true, height: 90 + 24 * shown.length, traces: [trace],
    layout: {
      xaxis: {
        title: { text: change ? "ms more than in the baseline" : "ms" }, zeroline: true,
        range: [low && low - room, high && high + room],
      },
      yaxis: {
        tickvals: trace.y, ticktext: shown.map(([name]) => plain(shortened(name, LONGEST_LABEL))), showgrid: false,
      },
      hovermode: "closest",
    },
  };
}

// All points of a sweep, the opened one marked.
function sweepChart(details, all) {
  if (!details.sweep || details.sweep_points.length < 2) return null;
  const points = details.sweep_points.map((place) => all[place]).sort((a, b) => a.sweep.value - b.sweep.value);
  const x = points.map((one) => one.sweep.value);
  const byRate = details.sweep.variable === "request_rate";
  const markers = (name, values, paint, more) =>
    line(name, x, values, paint, { mode: "lines+markers", marker: { size: 6 }, hovertemplate: `${name}: %{y:.5~g}`, ...more });
  const figure = (name) => points.map((one) => one.summary[one.judged][name]);
  const traces = [markers("median", figure("median"), "now"), markers("P99", figure("p99"), "tail")];
  const then = points.map((one) => one.distributions[one.judged].then?.[QUANTILES.indexOf(0.99)] ?? null);
  if (then.some((value) => value !== null)) traces.push(markers("P99 in the baseline", then, "then", { dash: "dot" }));
  const more = byRate
    ? points.map((one) => one.throughput)
    : points.map((one) => one.throughput * one.sweep.value);
  const second = byRate ? "reached, qps" : "samples per second";
  traces.push(markers(second, more, "kept", { yaxis: "y2" }));
  const name = details.sweep.variable.replace("_", " ");
  return {
    caption: `Sweep over ${name}`,
    note: `this measurement is at ${number(details.sweep.value)}`,
    wide: true, height: 380, traces,
    layout: {
      xaxis: { title: { text: byRate ? "request rate, qps" : name }, anchor: "y2" },
      yaxis: { title: { text: `${details.judged}, ms` }, domain: [0.44, 1], rangemode: "tozero" },
      yaxis2: { title: { text: second }, domain: [0, 0.36], rangemode: "tozero" },
      shapes: [{
        type: "line", yref: "paper", y0: 0, y1: 1, x0: details.sweep.value, x1: details.sweep.value,
        line: { color: colour("soft"), width: 1, dash: "dot" },
      }],
    },
  };
}

function rateChart(details) {
  const trials = (saturated) => details.trials.filter((one) => one.saturated === saturated);
  const dots = (name, found, marker) => ({
    type: "scatter", mode: "markers", name, x: found.map((one) => one.rate), y: found.map((one) => one.response_ms), marker,
    hovertemplate: "%{x:.5~g} qps: %{y:.5~g} ms",
  });
  const rates = details.trials.map((one) => one.rate);
  const ends = [Math.min(...rates), Math.max(...rates)];
  const traces = [
    dots("tried", trials(false), { size: 8, color: colour("now") }),
    dashed(`limit ${number(details.limit_ms)} ms`, [ends[0], details.limit_ms], [ends[1], details.limit_ms], "limit"),
  ];
  if (trials(true).length) {
    traces.splice(1, 0, dots("saturated", trials(true), { size: 9, symbol: "x", color: colour("limit") }));
  }
  return {
    caption: "P99 of response by request rate",
    note: `${number(details.rate)} qps keep ${number(details.limit_ms)} ms; the interval is shaded`,
    wide: true, height: 340, traces,
    layout: {
      xaxis: { title: { text: "request rate, qps" }, type: "log" },
      yaxis: { title: { text: "P99 of response, ms" }, type: "log" },
      hovermode: "closest",
      shapes: [
        {
          type: "rect", layer: "below", yref: "paper", y0: 0, y1: 1, x0: details.lower, x1: details.upper,
          fillcolor: `${colour("kept")}2e`, line: { width: 0 },
        },
        {
          type: "line", yref: "paper", y0: 0, y1: 1, x0: details.rate, x1: details.rate,
          line: { color: colour("kept"), width: 1.5 },
        },
      ],
    },
  };
}

function pairChart(details) {
  const kinds = Object.keys(details.ratios).reverse();
  const ratios = kinds.map((kind) => details.ratios[kind]);
  const change = (ratio) => 100 * (ratio - 1);
  const known = (bound, otherwise) => (Number.isFinite(bound) ? bound : otherwise);
  const values = ratios.map((ratio) => change(ratio.value));
  const traces = [{
    type: "scatter", mode: "markers", name: "new against reference", x: values, y: kinds.map((_, place) => place),
    marker: { size: 10, color: colour("now") },
    error_x: {
      type: "data", symmetric: false, color: colour("now"), thickness: 2, width: 6,
      array: ratios.map((ratio, place) => change(known(ratio.upper, ratio.value)) - values[place]),
      arrayminus: ratios.map((ratio, place) => values[place] - change(known(ratio.lower, ratio.value))),
    },
    text: ratios.map((ratio) => percent(ratio.value - 1, 2)), hovertemplate: "%{text}", showlegend: false,
  }];
  for (const verdict of details.verdicts) {
    const place = kinds.findIndex((kind) => verdict.metric.toLowerCase().endsWith(kind));
    if (place < 0 || verdict.limit === null) continue;
    const x = 100 * verdict.limit;
    const paint = verdict.failed ? "limit" : "kept";
    traces.push(dashed(`limit ${percent(verdict.limit)}`, [x, place - 0.35], [x, place + 0.35], paint));
  }
  return {
    caption: "New engine against the reference",
    note: "change with its interval; of times less is better, of throughput more",
    wide: true, height: 130 + 50 * kinds.length, traces,
    layout: {
      xaxis: { title: { text: "%" }, zeroline: true },
      yaxis: { tickvals: kinds.map((_, place) => place), ticktext: kinds, range: [-0.6, kinds.length - 0.4], showgrid: false },
      hovermode: "closest",
    },
  };
}

function trendChart(details, nights) {
  const { trend, values } = details;
  const days = nights[details.nights];
  const x = days.map(([created]) => created);
  const unit = plain(trend.unit);
  const labels = days.map(([created, record, commit]) =>
    `${created.slice(0, 10)}, ${plain(shortened(record, 60))}${commit ? `, ${plain(commit.slice(0, 12))}` : ""}`);
  const traces = [{
    type: "scatter", mode: "lines+markers", name: plain(trend.metric), x, y: values, text: labels, connectgaps: false,
    line: { color: colour("now"), width: 1 }, marker: { size: 4, color: colour("now") },
    hovertemplate: `%{text}: %{y:.5~g} ${unit}`,
  }];
  const starts = trend.changes.map((one) => one.night.created);
  const levels = trend.changes.length
    ? [[x[0], starts[0], trend.changes[0].before],
      ...trend.changes.map((one, place) => [starts[place], starts[place + 1] ?? x.at(-1), one.after])]
    : trend.level === null ? [] : [[x[0], x.at(-1), trend.level]];
  if (trend.state === "acknowledged" && levels.length) {
    const [from, to, value] = levels.pop();
    traces.push(line("acknowledged level", [from, to], [value, value], "kept", { hovertemplate: `acknowledged %{y:.5~g} ${unit}` }));
  }
  if (levels.length) {
    const steps = levels.flatMap(([from, to, value]) => [[from, value], [to, value], [null, null]]);
    const [when, value] = [0, 1].map((place) => steps.map((step) => step[place]));
    traces.push(line("level", when, value, "tail", { hovertemplate: `level %{y:.5~g} ${unit}` }));
  }
  const mark = (night, text, paint, above) => ({
    shape: {
      type: "line", yref: "paper", y0: 0, y1: 1, x0: night.created, x1: night.created,
      line: { color: colour(paint), width: 1.5, dash: "dash" },
    },
    annotation: {
      x: night.created, y: above, yref: "paper", yanchor: "bottom", text, showarrow: false,
      font: { color: colour(paint), size: 11 },
    },
  });
  const slower = (share) => (trend.unit === "qps" ? share < 0 : share > 0);
  const marks = trend.changes.map((one) =>
    mark(one.night, `${one.night.created.slice(0, 10)} ${percent(one.change)}`, slower(one.change) ? "limit" : "kept", 1));
  if (trend.since && !marks.length) marks.push(mark(trend.since, "stands since", "soft", 1));
  return {
    caption: `${trend.metric} over the nights`,
    note: `${trend.hardware_class}, ${trend.backend}; dashed where the level changed`,
    wide: true, height: 360, traces,
    layout: {
      xaxis: { type: "date" }, yaxis: { title: { text: trend.unit } }, hovermode: "closest",
      shapes: marks.map((one) => one.shape), annotations: marks.map((one) => one.annotation),
      margin: { t: 46 },
    },
  };
}

function themed(layout) {
  const axis = {
    gridcolor: colour("line"), linecolor: colour("line"), zerolinecolor: colour("soft"), zeroline: false,
    tickfont: { color: colour("soft") }, automargin: true,
  };
  const title = { font: { size: 12, color: colour("soft") }, standoff: 6 };
  const titled = (own) => ({ ...axis, ...own, title: { ...own?.title, ...title } });
  const axes = Object.fromEntries(Object.keys({ xaxis: 0, yaxis: 0, ...layout })
    .filter((name) => /^[xy]axis/.test(name)).map((name) => [name, titled(layout[name])]));
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "x",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: colour("ink") } },
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
    dragmode: "zoom", ...layout, ...axes,
    margin: { l: 62, r: 18, t: 30, b: 44, ...layout.margin },
  };
}

const CONFIG = { displayModeBar: false, responsive: true };
