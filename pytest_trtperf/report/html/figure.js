// A chart in its frame: caption, drawing, what is read by pointing at it, a part of it, and files.

const NEAR = 28;
const NARROWEST = 120;

class Figure {
  constructor(chart) {
    this.caption = element("figcaption");
    this.box = element("div", { class: "drawing" });
    this.hint = element("output", { class: "tip", hidden: "" });
    this.node = element("figure", { class: chart.wide ? "wide" : null }, this.caption, this.box);
    this.box.addEventListener("pointermove", (event) => this.point(event));
    this.box.addEventListener("pointerleave", () => (this.hint.hidden = true));
    this.box.addEventListener("pointerdown", (event) => this.begin(event));
    this.box.addEventListener("pointerup", (event) => this.end(event));
    this.box.addEventListener("dblclick", () => this.show(null));
    new ResizeObserver(() => {
      if (this.plot && Math.floor(this.box.clientWidth) !== this.plot.width) this.draw();
    }).observe(this.box);
    this.replace(chart);
  }

  // Another metric or another axis of the same chart.
  replace(chart) {
    this.chart = chart;
    this.plot = null;
    const save = (kind, text) => element("button", { type: "button", onclick: () => saveFigure(this, kind),
      "aria-label": `Save ${chart.caption} as ${text}` }, text);
    this.whole = element("button", { type: "button", class: "whole", hidden: "", onclick: () => this.show(null) }, "Whole range");
    this.caption.replaceChildren(chart.caption,
      element("span", { class: "tools" }, this.whole, save("svg", "SVG"), save("png", "PNG"), save("csv", "CSV")),
      element("small", {}, chart.note));
  }

  draw() {
    const width = Math.floor(this.box.clientWidth);
    if (width < NARROWEST) return;
    const zoom = this.plot?.zoom ?? null;
    this.plot = this.chart.rows ? new Lines(this.chart) : new Plot(this.chart, zoom);
    this.box.replaceChildren(this.plot.draw(width), this.hint);
  }

  show(range) {
    if (this.chart.rows) return;
    this.plot.zoom = range;
    this.whole.hidden = range === null;
    this.draw();
  }

  place(event) {
    const box = this.box.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  point(event) {
    const [x, y] = this.place(event);
    if (this.start !== undefined) this.drag(x);
    let [nearest, least] = [null, NEAR];
    for (const hit of this.plot.hits) {
      const off = Math.hypot(hit.x - x, (hit.y - y) / 3);
      if (off < least) [nearest, least] = [hit, off];
    }
    this.hint.hidden = nearest === null;
    if (!nearest) return;
    this.hint.textContent = nearest.text;
    const left = Math.max(0, Math.min(nearest.x + 12, this.plot.width - this.hint.offsetWidth));
    this.hint.style.left = `${left}px`;
    this.hint.style.top = `${Math.max(0, nearest.y - this.hint.offsetHeight - 10)}px`;
  }

  begin(event) {
    const { area } = this.plot;
    const [x, y] = this.place(event);
    if (!area || event.button !== 0 || event.pointerType === "touch") return;
    if (x < area.left || x > area.right || y > area.bottom) return;
    this.start = x;
    this.box.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  drag(x) {
    const { area, root } = this.plot;
    this.chosen ??= root.appendChild(drawn("rect", { class: "chosen", y: area.top, height: area.bottom - area.top }));
    const end = Math.max(area.left, Math.min(x, area.right));
    this.chosen.setAttribute("x", Math.min(this.start, end));
    this.chosen.setAttribute("width", Math.abs(end - this.start));
  }

  end(event) {
    if (this.start === undefined) return;
    const { area, x: scale } = this.plot;
    const ends = [this.start, Math.max(area.left, Math.min(this.place(event)[0], area.right))].sort((a, b) => a - b);
    this.start = undefined;
    this.chosen?.remove();
    this.chosen = undefined;
    if (ends[1] - ends[0] > 8) this.show(ends.map((end) => scale.value(end)));
  }
}
