// An opened row: its texts, charts and tables.

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

// What is wider than its place can be scrolled with the keyboard, too.
function scrolled(title, content, name = null) {
  return element("div", { class: name, tabindex: "0", role: "group", "aria-label": title }, content);
}

function folded(title, content) {
  return element("details", {}, element("summary", {}, title), scrolled(title, content));
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
  return folded(details.type === "test" ? "Circumstances" : "Engine, mode and circumstances", element("dl", {}, ...facts));
}

// What became of a test, and what it printed.
function testTexts(details) {
  const measured = details.measured.map(([anchor, key]) => element("a", { href: `#${anchor}` }, shortened(key, 160)));
  return [
    element("p", { class: "key" }, details.key),
    details.reason ? element("p", {}, details.reason) : null,
    details.output ? scrolled("Output", element("pre", {}, details.output), "output") : null,
    listOf("Subtests that failed", details.failed_subtests),
    listOf("Attempts", details.attempts.map((one) => `${one.outcome} after ${number(one.seconds, 3)} s${one.reason ? `: ${one.reason}` : ""}`)),
    listOf("Measured", measured),
  ];
}

// A commit, as a link where the page knows where its repository shows commits.
function commitNode(commit, data) {
  const text = commit.slice(0, 12);
  return data.commits && /^[0-9a-f]{6,64}$/i.test(commit)
    ? element("a", { href: data.commits + commit, rel: "noopener noreferrer" }, text) : text;
}

function textsOf(details, data) {
  if (details.type === "trend") {
    const changes = details.series.flatMap(({ trend }) => trend.changes.map((one) => element("span", {},
      `${one.night.date}: ${trend.metric}${trend.host ? ` on ${trend.host}` : ""} ${number(one.before)} to ${number(one.after)} ${trend.unit}, ` +
      `${percent(one.change)}, first in ${one.night.record}`, ...(one.night.commit ? [" of ", commitNode(one.night.commit, data)] : []))));
    return [element("p", { class: "key" }, details.key), metricsTable(details), listOf("Changes of level", changes)];
  }
  if (details.type === "test") return testTexts(details);
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

// The charts of an opened row: of another number once it is chosen.
class Charts {
  constructor(details, data) {
    this.details = details;
    this.data = data;
    this.gates = details.type === "measurement" ? gatesOf(details) : [];
    [this.gate] = this.gates;
    this.log = false;
    this.grid = element("div", { class: "charts" });
    this.figures = this.all().map((chart) => new Figure(chart));
    this.grid.append(...this.figures.map((one) => one.node));
  }

  all() {
    const { details, data, gate, log } = this;
    const found = {
      test: () => [],
      trend: () => [trendChart(details, data.nights, log)],
      max_qps: () => [rateChart(details)],
      pair: () => [pairChart(details), ...pairBlocksCharts(details)],
      measurement: () => [
        roundsChart(details, gate, log), gatesChart(details), ...raceCharts(details), distributionChart(details, gate, log),
        percentileChart(details, gate, log), layerChart(details), sweepChart(details, data.measurements), parametersChart(details, data, log),
      ],
    }[details.type]();
    return found.filter(Boolean).map((chart) => ({ ...chart, subject: details.key }));
  }

  draw() {
    for (const figure of this.figures) figure.draw();
  }

  // Charts that are there for one number and not for another would move the others about.
  change() {
    const charts = this.all();
    const same = charts.length === this.figures.length;
    if (same) this.figures.forEach((figure, place) => figure.replace(charts[place]));
    else {
      this.figures = charts.map((chart) => new Figure(chart));
      this.grid.replaceChildren(...this.figures.map((one) => one.node));
    }
    this.draw();
  }

  choices() {
    if (!this.gates.length && this.details.type !== "trend") return null;
    const buttons = this.gates.map((gate) => element("button", {
      type: "button", "aria-pressed": String(gate === this.gate),
      onclick: () => {
        this.gate = gate;
        buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.textContent === gateName(gate))));
        this.change();
      },
    }, gateName(gate)));
    const log = element("button", { type: "button", "aria-pressed": "false", onclick: () => {
      this.log = !this.log;
      log.setAttribute("aria-pressed", String(this.log));
      this.change();
    } }, "Logarithmic");
    return element("div", { class: "metrics" },
      buttons.length ? element("div", { role: "group", "aria-label": "Number" }, ...buttons) : null, log);
  }
}

// From a measurement to its trend and back, and what names this row in other pages, too.
function linksOf(details, anchor, data) {
  const there = data.see[anchor];
  const words = details.type === "trend" ? "Its newest measurement" : "Its trend over the nights";
  return element("p", { class: "links" }, there ? element("a", { href: `#${there}` }, words) : null,
    element("a", { href: `#${anchor}` }, "Link to this test"));
}

function panelOf(details, charts, anchor, data) {
  const isMeasurement = details.type === "measurement";
  return element("div", { class: "panel" }, linksOf(details, anchor, data), ...[
    ...textsOf(details, data),
    charts.choices(),
    charts.grid,
    isMeasurement ? parametersTable(details, data) : null,
    isMeasurement ? figuresTable(details) : null,
    isMeasurement ? layersTable(details) : null,
    details.facts ? factsTable(details) : null,
  ].filter((part) => part !== null));
}
