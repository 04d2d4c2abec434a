// On paper each opened test has a page of its own, behind the tables.

const SHEET = { width: 690, height: 940 };
const NARROWEST_SHEET = 1000;

function toSheets() {
  document.documentElement.classList.add("printing");
  const sheets = element("div", { id: "sheets" });
  document.querySelector("main").append(sheets);
  for (const { row, charts } of opened.values()) {
    const panel = row.querySelector(".panel");
    if (!panel || row.hidden) continue;
    const sheet = element("section", { class: "sheet" }, panel);
    sheets.append(sheet);
    let width = NARROWEST_SHEET;
    const lay = () => {
      sheet.style.width = `${width}px`;
      charts.draw();
    };
    lay();
    // Charts keep their height: a sheet that is too long becomes wider, and both sides fill the page.
    width = Math.max(width, sheet.offsetHeight * SHEET.width / SHEET.height);
    lay();
    sheet.style.zoom = Math.min(SHEET.width / width, SHEET.height / sheet.offsetHeight);
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
