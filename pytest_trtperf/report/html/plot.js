// Panels below each other with one x axis: lines, dots, bands, levels and marks, as SVG.

const LETTER = 6.3;
const HEAD = 20;
const FOOT = 34;

function textWidth(text) {
  return LETTER * text.length;
}

// The ticks of an x axis, and whether there is room for their texts beside each other.
function labelled(scale, count) {
  let free = -Infinity;
  return scale.ticks(count).map(([value, text]) => {
    const [at, half] = [scale.place(value), textWidth(text) / 2];
    const fits = at - half >= free;
    if (fits) free = at + half + 6;
    return { value, text, at, half, fits };
  });
}

function isDrawn(point) {
  return point !== null && Number.isFinite(point[1]);
}

function path(points, place) {
  let pen = "M";
  let found = "";
  for (const point of points) {
    if (!isDrawn(point)) {
      pen = "M";
      continue;
    }
    const [x, y] = place(point);
    found += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  }
  return found;
}

const SHAPES = {
  dot: (x, y, size) => drawn("circle", { class: "dot", cx: x, cy: y, r: size }),
  ring: (x, y, size) => drawn("circle", { class: "ring", cx: x, cy: y, r: size }),
  cross: (x, y, size) => drawn("path", { class: "line", d: `M${x - size} ${y - size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}` }),
};

class Plot {
  // `zoom` is the part of the x axis that is shown, null for all of it.
  constructor(spec, zoom = null) {
    this.spec = spec;
    this.zoom = zoom;
    this.hits = [];
  }

  draw(width) {
    const { spec } = this;
    this.root = drawn("svg", { class: "plot", role: "img", "aria-label": spec.caption });
    this.width = width;
    const gutter = this.gutter();
    let top = this.legend(width);
    this.x = new Scale({ ...spec.x, range: this.zoom ?? spec.x.range }, gutter, width - 12);
    const clip = `clip-${(Plot.count = (Plot.count ?? 0) + 1)}`;
    const begin = top;
    const parts = [];
    for (const panel of spec.panels) {
      parts.push(this.panel(panel, top, gutter, width, clip));
      top += HEAD + panel.height + 6;
    }
    const bottom = top - 6;
    this.area = { left: gutter, right: width - 12, top: begin, bottom };
    const height = bottom + FOOT;
    this.root.append(
      drawn("defs", {}, drawn("clipPath", { id: clip },
        drawn("rect", { x: gutter - 1, y: 0, width: Math.max(width - 11 - gutter, 0), height }))),
      this.spans(begin, bottom, clip), ...parts, this.marks(begin, bottom, clip), this.xAxis(bottom, width),
    );
    this.root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.root.setAttribute("height", height);
    this.height = height;
    return this.root;
  }

  gutter() {
    const texts = this.spec.panels.flatMap((panel) =>
      new Scale(panel.y, panel.height, 0).ticks(this.countOf(panel)).map(([, text]) => textWidth(text)));
    return Math.min(Math.max(34, ...texts) + 10, 0.3 * this.width);
  }

  countOf(panel) {
    return Math.max(3, Math.round(panel.height / 40));
  }

  // A name for each series that has one, in as many lines as it takes; returns their height.
  legend(width) {
    const named = new Map();
    for (const one of this.spec.panels.flatMap((panel) => [...(panel.bands ?? []), ...panel.series])) {
      if (one.name && !named.has(one.name)) named.set(one.name, one);
    }
    let [x, y] = [0, 12];
    for (const [name, one] of named) {
      const taken = textWidth(name) + 40;
      if (x && x + taken > width) [x, y] = [0, y + 18];
      this.root.append(drawn("g", { class: `c-${one.colour}` }, this.swatch(one, x, y - 4),
        drawn("text", { class: "ink", x: x + 22, y }, shortened(name, Math.floor((width - 30) / LETTER)))));
      x += taken;
    }
    return named.size ? y + 10 : 0;
  }

  swatch(one, x, y) {
    if (one.from !== undefined) return drawn("rect", { class: "band", x, y: y - 5, width: 16, height: 10 });
    if (one.shape && !one.line) return SHAPES[one.shape](x + 8, y, 4);
    return drawn("line", { class: `line ${one.dash ?? ""}`, x1: x, x2: x + 16, y1: y, y2: y });
  }

  panel(panel, top, gutter, width, clip) {
    const from = top + HEAD;
    const y = new Scale(panel.y, from + panel.height, from);
    const group = drawn("g");
    group.append(drawn("text", { class: "label", x: gutter, y: top + 13 }, panel.label));
    for (const [value, text] of y.ticks(this.countOf(panel))) {
      const at = y.place(value);
      group.append(drawn("line", { class: "grid", x1: gutter, x2: width - 12, y1: at, y2: at }),
        drawn("text", { class: "tick", x: gutter - 6, y: at + 4, "text-anchor": "end" }, text));
    }
    const inside = drawn("g", { "clip-path": `url(#${clip})` });
    for (const band of panel.bands ?? []) inside.append(this.band(band, y, gutter, width, from, panel.height));
    for (const level of panel.levels ?? []) inside.append(this.level(level, y, gutter, width));
    for (const series of panel.series) this.series(series, y, inside);
    group.append(inside);
    return group;
  }

  band({ from, to, colour }, y, gutter, width, top, height) {
    const [low, high] = [y.place(from), y.place(to)].map((at) => Math.max(top, Math.min(at, top + height)));
    return drawn("rect", { class: `band c-${colour}`, x: gutter, width: width - 12 - gutter, y: Math.min(low, high), height: Math.abs(high - low) });
  }

  level({ at, text, colour, dash = "dashed", left = false }, y, gutter, width) {
    if (!y.has(at)) return drawn("g");
    const place = y.place(at);
    return drawn("g", { class: `c-${colour}` },
      drawn("line", { class: `line ${dash}`, x1: gutter, x2: width - 12, y1: place, y2: place }),
      text ? drawn("text", { class: "note", x: left ? gutter + 4 : width - 14, y: place - 4, "text-anchor": left ? "start" : "end" }, text) : null);
  }

  series(series, y, inside) {
    const place = ([x, value]) => [this.x.place(x), y.place(value)];
    const group = drawn("g", { class: `series c-${series.colour}` });
    if (series.area) {
      const shown = series.points.filter(Boolean);
      const base = y.place(y.range[0]);
      group.append(drawn("path", { class: "area",
        d: `${path(shown, place)}L${place(shown.at(-1))[0]} ${base}L${place(shown[0])[0]} ${base}Z` }));
    }
    if (series.line) group.append(drawn("path", { class: `line ${series.dash ?? ""} ${series.wide ? "wide" : ""}`, d: path(series.points, place) }));
    for (const point of series.points.filter(isDrawn)) {
      const [x, at] = place(point);
      if (series.shape && this.x.has(point[0])) group.append(SHAPES[series.shape](x, at, series.size ?? 3));
      if (point[2] && this.x.has(point[0])) this.hits.push({ x, y: at, text: point[2] });
    }
    inside.append(group);
  }

  spans(top, bottom, clip) {
    const group = drawn("g", { "clip-path": `url(#${clip})` });
    for (const { from, to, text, kind } of this.spec.spans ?? []) {
      const [left, right] = [this.x.place(from), this.x.place(to)];
      group.append(drawn("rect", { class: kind, x: left, width: Math.max(right - left, 0), y: top, height: bottom - top }));
      if (text && textWidth(text) < right - left + 8) {
        group.append(drawn("text", { class: "note soft", x: (left + right) / 2, y: top + 12, "text-anchor": "middle" }, text));
      }
    }
    return group;
  }

  // Vertical lines with texts where these fit; the others are read by pointing at them.
  marks(top, bottom, clip) {
    const group = drawn("g", { "clip-path": `url(#${clip})` });
    const free = [-Infinity, -Infinity];
    for (const { x, text, colour, label = "", dash = "dashed", short = false, low = false } of this.spec.marks ?? []) {
      if (!this.x.has(x)) continue;
      const at = this.x.place(x);
      const from = short ? bottom - 7 : top + HEAD - 4;
      group.append(drawn("line", { class: `line ${dash} c-${colour}`, x1: at, x2: at, y1: from, y2: bottom }));
      if (text) this.hits.push({ x: at, y: short ? bottom - 4 : top + HEAD + 4, text });
      const left = Math.min(at + 4, this.width - 14 - textWidth(label));
      if (label && left > free[Number(low)]) {
        group.append(drawn("text", { class: `note c-${colour}`, x: left, y: top + HEAD + (low ? 22 : 8) }, label));
        free[Number(low)] = left + textWidth(label) + 8;
      }
    }
    return group;
  }

  xAxis(bottom, width) {
    const group = drawn("g");
    const count = Math.max(2, Math.floor((this.area.right - this.area.left) / 90));
    group.append(drawn("line", { class: "axis", x1: this.area.left, x2: this.area.right, y1: bottom, y2: bottom }));
    for (const { text, at, half } of labelled(this.x, count).filter((tick) => tick.fits)) {
      const anchor = at + half > width ? "end" : "middle";
      group.append(drawn("line", { class: "axis", x1: at, x2: at, y1: bottom, y2: bottom + 4 }),
        drawn("text", { class: "tick", x: anchor === "end" ? width : at, y: bottom + 16, "text-anchor": anchor }, text));
    }
    if (this.spec.x.label) {
      group.append(drawn("text", { class: "label", x: (this.area.left + this.area.right) / 2, y: bottom + 31, "text-anchor": "middle" }, this.spec.x.label));
    }
    return group;
  }

  // What a file has of it: a line for each point.
  get table() {
    const lines = this.spec.panels.flatMap((panel) => panel.series.flatMap((series) =>
      series.points.filter(Boolean).map(([x, y]) => [panel.label, series.name ?? "", x, y])));
    return [["panel", "series", this.spec.x.label || "x", "value"], ...lines];
  }
}
