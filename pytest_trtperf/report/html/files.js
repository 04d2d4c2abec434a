// Files to keep: a chart as a picture or as its numbers, and all numbers of the page.

const KEPT_STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "font-size", "font-family"];

function save(name, type, content) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = element("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function fileName(text, kind) {
  const plain = text.normalize("NFKD").replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "");
  return `${plain.slice(0, 80) || "chart"}.${kind}`;
}

// A spreadsheet takes a text that begins with = or @ for a formula.
function csvCell(value) {
  const text = String(value ?? "");
  const plain = typeof value !== "number" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

function asCsv(rows) {
  return `${rows.map((row) => row.map(csvCell).join(",")).join("\n")}\n`;
}

// The drawing with the styles that it has here, since a file has no style sheet.
function asSvg(figure) {
  const { root, width, height } = figure.plot;
  const copy = root.cloneNode(true);
  const parts = [...root.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((part, place) => {
    const style = getComputedStyle(parts[place]);
    for (const name of KEPT_STYLES) part.setAttribute(name, style.getPropertyValue(name));
    part.removeAttribute("class");
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  const back = getComputedStyle(figure.node).backgroundColor;
  copy.prepend(drawn("title", {}, figure.chart.caption), drawn("rect", { width, height, fill: back }));
  return new XMLSerializer().serializeToString(copy);
}

async function asPng(figure) {
  const { width, height } = figure.plot;
  const image = new Image(2 * width, 2 * height);
  const address = URL.createObjectURL(new Blob([asSvg(figure)], { type: "image/svg+xml" }));
  image.src = address;
  await image.decode();
  const canvas = element("canvas", { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
  URL.revokeObjectURL(address);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function saveFigure(figure, kind) {
  const name = fileName(`${figure.chart.subject ?? ""} ${figure.chart.caption}`, kind);
  if (kind === "csv") save(name, "text/csv", asCsv(figure.plot.table));
  else if (kind === "svg") save(name, "image/svg+xml", asSvg(figure));
  else save(name, "image/png", await asPng(figure));
}

async function saveAll() {
  save("trtperf-page.json", "application/json", JSON.stringify(await loadDetails(), null, 1));
}
