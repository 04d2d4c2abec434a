// The tables: sort, filter, keys, and rows that open.

// By the id of the row: the row below it, and its charts once they are there.
const opened = new Map();

const COLLATOR = new Intl.Collator("en", { numeric: true });

class Listing {
  constructor(section) {
    this.section = section;
    this.body = section.querySelector("tbody");
    this.rows = [...this.body.rows];
    this.texts = new Map(this.rows.map((row) => [row, `${row.dataset.key} ${row.textContent}`.toLowerCase()]));
    this.filter = section.querySelector(".filter");
    this.states = [...section.querySelectorAll(".states button")];
    this.shown = section.querySelector(".shown");
    this.heads = [...section.querySelectorAll("thead th")];
    this.listen();
    this.update();
  }

  listen() {
    this.filter.addEventListener("input", () => this.update());
    for (const button of this.states) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        this.update();
      });
    }
    this.section.querySelector(".open-all").addEventListener("click", () => this.openShown());
    this.section.querySelector(".close-all").addEventListener("click", () => this.rows.filter((row) => opened.has(row.id)).forEach((row) => this.close(row)));
    this.heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => this.sort(head, column)));
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr.row");
      // Texts of a row can be selected, and its links followed, without opening it.
      if (row && !event.target.closest("a") && (event.target.closest(".toggle") || !window.getSelection().toString())) this.toggle(row);
    });
    this.body.addEventListener("keydown", (event) => this.move(event));
    this.body.addEventListener("focusin", (event) => {
      if (event.target.matches(".toggle")) this.reach(event.target);
    });
  }

  get visible() {
    return this.rows.filter((row) => !row.hidden);
  }

  update() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const states = this.states.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.state);
    for (const row of this.rows) {
      const text = this.texts.get(row);
      row.hidden = !words.every((word) => text.includes(word)) || (states.length > 0 && !states.includes(row.dataset.state));
      const panel = opened.get(row.id)?.row;
      if (panel) panel.hidden = row.hidden;
    }
    const { visible } = this;
    this.shown.textContent = `${visible.length} of ${this.rows.length} shown`;
    this.reach(visible[0]?.querySelector(".toggle"));
  }

  // Tab stops at one row of the table; arrows go on from there.
  reach(toggle) {
    if (this.reached) this.reached.tabIndex = -1;
    this.reached = toggle;
    if (toggle) toggle.tabIndex = 0;
  }

  move(event) {
    if (!event.target.matches(".toggle")) return;
    const { visible } = this;
    const place = visible.indexOf(event.target.closest("tr"));
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: visible.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    visible[Math.max(0, Math.min(next, visible.length - 1))].querySelector(".toggle").focus();
  }

  sort(head, column) {
    const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    this.heads.forEach((one) => one.setAttribute("aria-sort", one === head ? order : "none"));
    const sign = order === "ascending" ? 1 : -1;
    const keyed = this.rows.map((row) => [row, row.cells[column].dataset.sort ?? row.dataset.key]);
    keyed.sort(([, a], [, b]) => {
      if (!a || !b) return Number(!a) - Number(!b);
      return sign * (isNaN(a) || isNaN(b) ? COLLATOR.compare(a, b) : a - b);
    });
    this.rows = keyed.map(([row]) => row);
    this.body.append(...this.rows.flatMap((row) => [row, opened.get(row.id)?.row].filter(Boolean)));
    this.update();
  }

  toggle(row) {
    if (opened.has(row.id)) this.close(row);
    else this.open(row);
  }

  // One after the other: hundreds of rows take seconds, in which the page still answers.
  async openShown() {
    for (const row of this.visible) {
      if (!opened.has(row.id)) await this.open(row);
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  async open(row) {
    const cell = element("td", { colspan: row.cells.length });
    const below = element("tr", { class: "details" }, cell);
    const entry = { row: below, charts: null };
    opened.set(row.id, entry);
    this.mark(row, true);
    row.after(below);
    try {
      const data = await loadDetails();
      const details = data[this.section.id][row.dataset.place];
      entry.charts = new Charts(details, data);
      entry.charts.panel = panelOf(details, entry.charts, row.id, data);
      cell.append(entry.charts.panel);
      entry.charts.draw();
      below.dataset.drawn = "true";
    } catch (error) {
      const text = `The details cannot be shown (${error.message}): they need the whole file, and a browser of 2023 or later.`;
      cell.append(element("p", { class: "trouble" }, text));
      throw error;
    }
  }

  close(row) {
    opened.get(row.id).row.remove();
    opened.delete(row.id);
    this.mark(row, false);
  }

  mark(row, isOpen) {
    row.classList.toggle("open", isOpen);
    row.querySelector(".toggle").setAttribute("aria-expanded", String(isOpen));
  }
}

function openNamed(listings) {
  const row = document.getElementById(location.hash.slice(1));
  const listing = row && listings.find((one) => one.rows.includes(row));
  if (!listing) return;
  if (row.hidden) {
    listing.filter.value = "";
    listing.states.forEach((one) => one.setAttribute("aria-pressed", "false"));
    listing.update();
  }
  const folded = row.closest("details");
  if (folded) folded.open = true;
  if (!opened.has(row.id)) listing.open(row);
  row.querySelector(".toggle").focus();
}

function start() {
  const listings = [...document.querySelectorAll(".listing")].map((section) => new Listing(section));
  startCompare();
  document.getElementById("save")?.addEventListener("click", saveAll);
  openNamed(listings);
  window.addEventListener("hashchange", () => openNamed(listings));
  // A link to where one is already changes nothing in the address.
  document.addEventListener("click", (event) => {
    if (event.target.closest("a")?.getAttribute("href") === location.hash) setTimeout(() => openNamed(listings));
  });
  startPrint();
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.matches("input") && listings.length) {
      event.preventDefault();
      listings[0].filter.focus();
    }
  });
}

start();
