// Rows below each other with one x axis, each with a name: bars, or values with their intervals.

const LINE = 26;

class Lines {
  // `rows` have `name`, `value`, `text`, `colour`, and may have `low`, `high`, `band`, `also` and `hint`.
  constructor(spec) {
    this.spec = spec;
    this.hits = [];
  }

  draw(width) {
    const { rows, x } = this.spec;
    this.root = drawn("svg", { class: "plot", role: "img", "aria-label": this.spec.caption });
    this.width = width;
    const longest = Math.max(...rows.map((row) => textWidth(row.name)));
    const above = longest + 12 > 0.42 * width;
    const [left, line] = [above ? 8 : longest + 12, above ? LINE + 16 : LINE];
    const right = width - Math.max(...rows.map((row) => textWidth(row.text))) - 16;
    this.x = new Scale(x, left, right);
    const bottom = 8 + line * rows.length;
    this.axis(bottom, left, right);
    rows.forEach((row, place) => this.row(row, 8 + line * place, above, left, right));
    this.height = bottom + FOOT;
    this.root.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.root.setAttribute("height", this.height);
    return this.root;
  }

  axis(bottom, left, right) {
    for (const { value, text, at, fits } of labelled(this.x, Math.max(2, Math.floor((right - left) / 90)))) {
      this.root.append(drawn("line", { class: value ? "grid" : "axis", x1: at, x2: at, y1: 4, y2: bottom }));
      if (fits) this.root.append(drawn("text", { class: "tick", x: at, y: bottom + 14, "text-anchor": "middle" }, text));
    }
    this.root.append(drawn("text", { class: "label", x: (left + right) / 2, y: bottom + 29, "text-anchor": "middle" }, this.spec.x.label));
  }

  row(row, top, above, left, right) {
    const middle = top + (above ? 16 : 0) + LINE / 2;
    const at = (value) => Math.max(left, Math.min(this.x.place(value), right));
    const group = drawn("g", { class: `series c-${row.colour}` });
    group.append(drawn("text", above ? { class: "ink", x: left, y: top + 13 }
      : { class: "ink", x: left - 10, y: middle + 4, "text-anchor": "end" }, row.name));
    if (row.band) {
      group.append(drawn("rect", { class: "band c-soft", x: at(row.band[0]), width: at(row.band[1]) - at(row.band[0]), y: middle - 10, height: 20 }));
    }
    if (this.spec.bars) {
      const [from, to] = [at(0), at(row.value)];
      group.append(drawn("rect", { class: "dot", x: Math.min(from, to), width: Math.max(Math.abs(to - from), 1), y: middle - 7, height: 14 }));
    } else {
      group.append(drawn("line", { class: "line", x1: at(row.low ?? -Infinity), x2: at(row.high ?? Infinity), y1: middle, y2: middle }));
      group.append(SHAPES[row.shape ?? "dot"](at(row.value), middle, 5));
    }
    for (const value of row.also ?? []) {
      group.append(drawn("path", { class: "line", d: `M${at(value)} ${middle - 9}v18` }));
    }
    group.append(drawn("text", { class: "ink", x: right + 8, y: middle + 4 }, row.text));
    this.hits.push({ x: at(row.value), y: middle, text: row.hint ?? `${row.name}: ${row.text}` });
    this.root.append(group);
  }

  get table() {
    return [["name", this.spec.x.label, "low", "high"], ...this.spec.rows.map((row) => [row.name, row.value, row.low ?? "", row.high ?? ""])];
  }
}
