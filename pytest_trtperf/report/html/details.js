// An opened row: texts and tables at once, charts when plotly is there.

const FIGURES = {
  count: "queries", min: "min", mean: "mean", median: "median", p90: "P90", p95: "P95", p99: "P99", max: "max", cov: "CoV %",
};

function badge(state) {
  return element("span", { class: `badge ${state}` }, state);
}

// A message need not repeat the key, which stands above it.
function withoutKey(message, key) {
  return message.startsWith(`${key}: `) ? message.slice(key.length + 2) : message;
}

function verdictItem(verdict, key) {
  const state = verdict.failed ? "fail" : verdict.status;
  return element("li", {}, badge(state), element("span", {}, withoutKey(verdict.message, key)));
}

function listOf(title, lines) {
  if (!lines.length) return null;
  const items = lines.map((text) => element("li", {}, text));
  return element("section", {}, element("h3", {}, title), element("ul", { class: "remarks" }, ...items));
}

function table(columns, rows) {
  const head = columns.map((name, place) => element("th", { scope: "col", class: place ? "number" : null }, name));
  const lines = rows.map(([name, ...cells]) => element("tr", {}, element("th", { scope: "row" }, name),
    ...cells.map((cell) => element("td", { class: "number" }, cell))));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...lines));
}

function folded(title, content) {
  const scrolled = element("div", { tabindex: "0", role: "group", "aria-label": title }, content);
  return element("details", {}, element("summary", {}, title), scrolled);
}

function figuresTable(details) {
  const names = Object.keys(FIGURES);
  const rows = Object.entries(details.summary).map(([metric, figures]) =>
    [metric, ...names.map((name) => number(name === "cov" ? 100 * figures.cov : figures[name]))]);
  return folded("Figures, ms", table(["metric", ...Object.values(FIGURES)], rows));
}

function layersTable(details) {
  if (!details.layers.length) return null;
  const title = `Layers (${details.layers.length})`;
  if (!details.then_has_layers) {
    return folded(title, table(["layer", "ms"], details.layers.map(([name, now]) => [name, number(now)])));
  }
  const sum = (place) => details.layers.reduce((whole, layer) => whole + (layer[place] ?? 0), 0);
  const whole = sum(1) - sum(2);
  const rows = details.layers.map(([name, now, then]) => {
    const grown = (now ?? 0) - (then ?? 0);
    const share = whole ? `${((100 * grown) / whole).toFixed(0)}%` : "-";
    return [name, number(then), number(now), `${grown > 0 ? "+" : ""}${number(grown, 3)}`, share];
  });
  return folded(title, table(["layer", "baseline, ms", "here, ms", "change, ms", "of the whole change"], rows));
}

function factsTable(details) {
  const facts = Object.entries(details.facts).map(([name, text]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, text)));
  return folded("Engine, mode and circumstances", element("dl", {}, ...facts));
}

function textsOf(details) {
  if (details.type === "trend") {
    const changes = details.trend.changes.map((one) =>
      `${one.night.created.slice(0, 10)}: ${number(one.before)} to ${number(one.after)} ${details.trend.unit}, ` +
      `${percent(one.change)}, first in ${one.night.record}${one.night.commit ? ` of ${one.night.commit}` : ""}`);
    return [
      element("p", { class: "key" }, details.trend.key),
      element("p", {}, details.trend.message),
      listOf("Changes of level", changes),
    ];
  }
  const verdicts = details.verdicts.map((verdict) => verdictItem(verdict, details.key));
  return [
    element("p", { class: "key" }, details.key),
    details.message ? element("p", {}, withoutKey(details.message, details.key)) : null,
    verdicts.length ? element("ul", { class: "verdicts", "aria-label": "Verdicts" }, ...verdicts)
      : element("p", {}, "Nothing was judged: there is no budget and no baseline."),
    listOf("What else changed since the baseline", details.differences ?? []),
    listOf("Findings", details.findings.map((one) => `${one.code.replaceAll("_", " ")}: ${one.message}`)),
    listOf("Notes", details.notes ?? []),
  ];
}

// The figures of an opened row; `draw` redraws them, for another metric or another theme.
class Charts {
  constructor(details, data) {
    this.details = details;
    this.data = data;
    this.metric = details.judged;
    this.grid = element("div", { class: "charts" });
    this.plots = [];
  }

  all() {
    const { details, data, metric } = this;
    if (details.type === "trend") return [trendChart(details, data.nights)];
    if (details.type === "max_qps") return [rateChart(details)];
    if (details.type === "pair") return [pairChart(details)];
    return [
      distributionChart(details, metric), percentileChart(details, metric), timeChart(details, metric),
      layerChart(details), sweepChart(details, data.measurements),
    ].filter((chart) => chart !== null);
  }

  async draw() {
    const plotly = await loadPlotly();
    const charts = this.all();
    // All frames come first: a plot takes the width that its frame has beside the others.
    this.plots = charts.map((chart, place) => this.plots[place] ?? this.framed(chart));
    charts.forEach((chart, place) => {
      const { caption, plot } = this.plots[place];
      caption.replaceChildren(chart.caption, element("small", {}, chart.note));
      plot.setAttribute("aria-label", chart.caption);
      // plotly keeps the height of the element when the window changes, and forgets that of a layout.
      plot.style.height = `${chart.height ?? 300}px`;
      const paper = document.documentElement.classList.contains("printing") ? { width: plot.clientWidth } : {};
      plotly.react(plot, chart.traces, themed({ ...chart.layout, ...paper }), CONFIG);
    });
  }

  framed(chart) {
    const [caption, plot] = [element("figcaption"), element("div", { role: "img" })];
    this.grid.append(element("figure", { class: chart.wide ? "wide" : null }, caption, plot));
    return { caption, plot };
  }

  metricChoice() {
    const metrics = Object.keys(this.details.distributions ?? {});
    if (metrics.length < 2) return null;
    const buttons = metrics.map((metric) => element("button", {
      type: "button", "aria-pressed": String(metric === this.metric),
      onclick: () => {
        this.metric = metric;
        buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.textContent === metric)));
        this.draw();
      },
    }, metric));
    return element("div", { class: "metrics", role: "group", "aria-label": "Metric" }, "Metric", ...buttons);
  }

  close() {
    for (const { plot } of this.plots) window.Plotly?.purge(plot);
  }
}

function panelOf(details, charts) {
  const isMeasurement = details.type === "measurement";
  return element("div", { class: "panel" }, ...[
    ...textsOf(details),
    charts.metricChoice(),
    charts.grid,
    isMeasurement ? figuresTable(details) : null,
    isMeasurement ? layersTable(details) : null,
    details.facts ? factsTable(details) : null,
  ].filter((part) => part !== null));
}
