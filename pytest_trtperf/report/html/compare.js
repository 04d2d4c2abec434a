// Two records side by side, A and B: two runs, two nights, or two measurements of the page.

const MOST_LINES = 300;

function figuresOf(details) {
  if (details.type === "max_qps") return [["highest rate", details.rate, "qps"]];
  if (details.type === "pair") return Object.entries(details.ratios).map(([kind, ratio]) => [`new ${kind}`, ratio.new, kind === "throughput" ? "qps" : "ms"]);
  const times = Object.entries(details.summary).flatMap(([metric, figures]) =>
    [[`${metric} median`, figures.median, "ms"], [`${metric} P99`, figures.p99, "ms"]]);
  return [...times, ["throughput", details.throughput, "qps"]];
}

function anchorOf(table, place) {
  return document.querySelector(`#${table} tr[data-place="${place}"]`).id;
}

// All that can be compared: a name, a kind, and `numbers()`, lines of key, metric, value, unit and anchor.
function recordsOf(data) {
  const runs = data.runs.length < 2 ? [] : data.runs.map(([created, hardware, host, commit], run) => ({
    kind: "Runs", place: `${hardware} ${host}`, name: [created.slice(0, 16).replace("T", " "), hardware, host, commit?.slice(0, 12)].filter(Boolean).join(", "),
    numbers: () => data.measurements.flatMap((one, place) => (data.run_of[place] === run
      ? figuresOf(one).map(([metric, value, unit]) => [one.key, metric, value, unit, anchorOf("measurements", place)]) : [])),
  }));
  const nights = data.nights.flatMap((host, place) => nightRecords(data, host, place));
  nights.sort((a, b) => (a.date < b.date ? -1 : 1));
  const measurements = data.measurements.map((one, place) => ({
    kind: "Measurements", name: one.key, details: one,
    numbers: () => figuresOf(one).map(([metric, value, unit]) => ["", metric, value, unit, anchorOf("measurements", place)]),
  }));
  return [...nights, ...runs, ...(measurements.length > 1 ? measurements : [])];
}

function nightRecords(data, { nights }, place) {
  const members = data.trends.flatMap((test, row) => test.series.filter((one) => one.nights === place).map((one) => [test, one, row]));
  if (!members.length) return [];
  const [, { trend }] = members[0];
  return nights.map(([date, record, commit], night) => ({
    kind: "Nights", date, place,
    name: [date, trend.hardware_class, trend.host, record, commit?.slice(0, 12)].filter(Boolean).join(", "),
    numbers: () => members.filter(([, one]) => one.values[night] !== null).map(([test, one, row]) =>
      [test.key, one.trend.metric, one.values[night], one.trend.unit, anchorOf("trends", row)]),
  })).filter((_, night) => members.some(([, one]) => one.values[night] !== null));
}

function worse(before, after, unit) {
  return unit === "qps" ? before / after - 1 : after / before - 1;
}

function comparedLines(a, b) {
  const then = new Map(a.numbers().map(([key, metric, value]) => [`${key}\0${metric}`, value]));
  const lines = b.numbers().map(([key, metric, after, unit, anchor]) => ({ key, metric, after, unit, anchor, before: then.get(`${key}\0${metric}`) }));
  const both = lines.filter((one) => one.before > 0 && one.after > 0);
  for (const one of both) one.worse = worse(one.before, one.after, one.unit);
  both.sort((one, other) => other.worse - one.worse);
  return { both, alone: lines.length - both.length };
}

function changeBar(share, reach) {
  const at = 50 + 48 * Math.max(-1, Math.min(share / reach, 1));
  return drawn("svg", { class: `bar ${share > 0 ? "fail" : "pass"}`, "aria-hidden": "true" },
    drawn("line", { x1: "50%", x2: "50%", y1: 0, y2: "100%" }),
    drawn("rect", { x: `${Math.min(50, at)}%`, width: `${Math.abs(at - 50)}%`, height: "100%" }));
}

function comparedTable({ both }) {
  const reach = Math.max(0.02, ...both.map((one) => Math.min(Math.abs(one.worse), 1)));
  const ofTests = both.some((one) => one.key);
  const rows = both.slice(0, MOST_LINES).map((one) => {
    const link = element("a", { href: `#${one.anchor}` }, shortened(one.key || one.metric, 120));
    return [
      ofTests ? element("div", {}, link, element("small", {}, one.metric)) : link, `${number(one.before)} ${one.unit}`, `${number(one.after)} ${one.unit}`,
      element("div", {}, percent(one.after / one.before - 1), changeBar(one.worse, reach)),
    ];
  });
  return scrolled("A and B", table([ofTests ? "Test" : "Number", "A", "B", "Change"], rows), "wide-table");
}

// The distributions of two measurements over each other.
function overlaid(a, b) {
  if (a.details?.type !== "measurement" || b.details?.type !== "measurement") return null;
  const metric = [a.details.judged, ...Object.keys(a.details.distributions)].find((one) => b.details.distributions[one] && a.details.distributions[one]);
  if (!metric) return null;
  const series = (name, one, colour) => ({ name, colour, line: true,
    points: sharesWithin(one.details.distributions[metric].now).map(([x, y, text]) => [x, y, `${name}: ${text}`]) });
  const chart = distributionPlot(`Distribution of ${metric}, A and B`, "share of queries within a time, up to P99", [series("A", a, "then"), series("B", b, "now")]);
  return { ...chart, wide: true, subject: "A and B" };
}

class Sides {
  constructor(node, data) {
    this.records = recordsOf(data);
    const last = this.records.filter((one) => one.kind === this.records[0].kind).length - 1;
    // The newest, and what was before it in the same place.
    const before = this.records.findLastIndex((one, at) => at < last && one.place === this.records[last].place);
    this.selects = ["A", "B"].map((name, side) => this.select(name, side ? last : before < 0 ? Math.max(last - 1, 0) : before));
    this.result = element("div", { class: "result", "aria-live": "polite" });
    node.replaceChildren(
      element("p", { class: "hint" }, "Figures side by side, B against A: what is slower comes first. It is no verdict, which needs the rounds of both."),
      ...this.selects.map((select, side) => element("label", {}, element("b", {}, "AB"[side]), select)),
      element("button", { type: "button", onclick: () => this.swap() }, "Swap"), this.result);
    this.show();
  }

  select(name, chosen) {
    const kinds = [...new Set(this.records.map((one) => one.kind))];
    return element("select", { "aria-label": name, onchange: () => this.show() }, ...kinds.map((kind) =>
      element("optgroup", { label: kind }, ...this.records.map((one, place) => [one, place]).filter(([one]) => one.kind === kind)
        .map(([one, place]) => element("option", { value: place, selected: place === chosen ? "" : null }, shortened(one.name, 120))))));
  }

  swap() {
    const [a, b] = this.selects;
    [a.value, b.value] = [b.value, a.value];
    this.show();
  }

  show() {
    const [a, b] = this.selects.map((select) => this.records[select.value]);
    if (a.kind !== b.kind) {
      this.result.replaceChildren(element("p", {}, `${a.kind} and ${b.kind.toLowerCase()} have nothing in common: choose two of one kind.`));
      return;
    }
    const found = comparedLines(a, b);
    const more = found.both.length > MOST_LINES ? `, the first ${MOST_LINES} of them here` : "";
    const alone = found.alone ? `; ${found.alone} of B are not in A` : "";
    const chart = overlaid(a, b);
    const figure = chart && new Figure(chart);
    this.result.replaceChildren(...[element("p", {}, `${found.both.length} numbers are in both${more}${alone}.`),
      found.both.length ? comparedTable(found) : null, figure?.node].filter(Boolean));
    figure?.draw();
  }
}

function startCompare() {
  const section = document.querySelector("#compare details");
  section?.addEventListener("toggle", async () => {
    const node = section.querySelector(".sides");
    if (section.open && !node.childElementCount) new Sides(node, await loadDetails());
  });
}
