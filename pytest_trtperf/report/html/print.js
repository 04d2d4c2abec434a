// On paper each opened test has a page of its own, behind the tables.

const opened = new Map();
const SHEET = { width: 690, height: 940 };
const LAID_OUT = 1000;

function toSheets() {
  document.documentElement.classList.add("printing");
  const sheets = element("div", { id: "sheets" });
  document.querySelector("main").append(sheets);
  for (const { row, charts } of opened.values()) {
    const panel = row.querySelector(".panel");
    if (!panel || row.hidden) continue;
    const sheet = element("section", { class: "sheet" }, panel);
    sheets.append(sheet);
    sheet.style.width = `${LAID_OUT}px`;
    charts.draw();
    sheet.style.zoom = Math.min(SHEET.width / LAID_OUT, SHEET.height / sheet.offsetHeight);
  }
}

function fromSheets() {
  document.documentElement.classList.remove("printing");
  for (const { row, charts } of opened.values()) {
    if (charts?.panel) row.firstElementChild.append(charts.panel);
  }
  document.getElementById("sheets")?.remove();
  for (const { charts } of opened.values()) charts?.draw();
}

function startPrint() {
  window.addEventListener("beforeprint", toSheets);
  window.addEventListener("afterprint", fromSheets);
}
