// A list of any length, of which only the rows in view are in the document.

import { element, uniqueId } from "./dom.js";

/** Browsers limit the height of an element; longer lists are scaled. */
const MAX_HEIGHT = 8_000_000;

/** Rows drawn above and below those in view. */
const MARGIN = 6;

/**
 * A list box. `settings` has `label`, `rowHeight`, `row(item)` (the content of a row) and `onchoose(item)`.
 */
export class VirtualList {
  #settings;
  #items = [];
  #active = -1;
  #frame = 0;

  constructor(settings) {
    this.#settings = settings;
    this.id = uniqueId("list");
    this.spacer = element("div", { class: "list-spacer" });
    this.rows = element("div", { class: "list-rows" });
    this.node = element(
      "div",
      {
        class: "list",
        role: "listbox",
        tabIndex: 0,
        aria: { label: settings.label },
        onscroll: () => this.#schedule(),
        onkeydown: (event) => this.keydown(event),
        onclick: (event) => this.#click(event),
      },
      this.spacer,
      this.rows,
    );
    new ResizeObserver(() => this.#schedule()).observe(this.node);
  }

  /** Shows other items, from the top. */
  show(items) {
    this.#items = items;
    this.#active = -1;
    this.spacer.style.height = `${Math.min(MAX_HEIGHT, items.length * this.#settings.rowHeight)}px`;
    this.node.scrollTop = 0;
    this.#draw();
  }

  /** Draws the rows again, after their content has changed. */
  refresh() {
    this.#draw();
  }

  /** Moves the active row or chooses it. Returns `true` if the list has used the key. */
  keydown(event) {
    const page = Math.max(1, Math.floor(this.node.clientHeight / this.#settings.rowHeight) - 1);
    const last = this.#items.length - 1;
    const next = {
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: last,
    }[event.key];
    const isField = event.target instanceof HTMLInputElement;
    if (isField && (event.key === "Home" || event.key === "End")) return false;
    if (next !== undefined && last >= 0) {
      event.preventDefault();
      this.#activate(Math.max(0, Math.min(last, next)));
      return true;
    }
    if (event.key === "Enter" && this.#items[this.#active] !== undefined) {
      event.preventDefault();
      this.#settings.onchoose(this.#items[this.#active]);
      return true;
    }
    return false;
  }

  #activate(at) {
    this.#active = at;
    const height = this.#settings.rowHeight;
    const top = this.#topOf(at);
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    else if (top + height > this.node.scrollTop + this.node.clientHeight)
      this.node.scrollTop = top + height - this.node.clientHeight;
    this.#draw();
  }

  /** Place of a row in the scaled list. */
  #topOf(at) {
    const full = this.#items.length * this.#settings.rowHeight;
    const room = Math.max(1, full - this.node.clientHeight);
    const scaled = Math.max(1, Math.min(MAX_HEIGHT, full) - this.node.clientHeight);
    return full <= MAX_HEIGHT ? at * this.#settings.rowHeight : (at * this.#settings.rowHeight * scaled) / room;
  }

  #schedule() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const { rowHeight } = this.#settings;
    const count = this.#items.length;
    const full = count * rowHeight;
    const scale = full <= MAX_HEIGHT ? 1 : (full - this.node.clientHeight) / (MAX_HEIGHT - this.node.clientHeight);
    const first = Math.max(0, Math.floor((this.node.scrollTop * scale) / rowHeight) - MARGIN);
    const shown = Math.ceil(this.node.clientHeight / rowHeight) + 2 * MARGIN;
    const offset =
      scale === 1 ? first * rowHeight : this.node.scrollTop - (this.node.scrollTop * scale - first * rowHeight);
    this.rows.style.transform = `translateY(${offset}px)`;
    this.rows.replaceChildren(
      ...this.#items.slice(first, first + shown).map((item, at) => this.#row(item, first + at)),
    );
    if (this.#active >= 0) this.node.setAttribute("aria-activedescendant", `${this.id}-${this.#active}`);
    else this.node.removeAttribute("aria-activedescendant");
  }

  #row(item, at) {
    const aria = { selected: at === this.#active, setsize: this.#items.length, posinset: at + 1 };
    const row = element(
      "div",
      { id: `${this.id}-${at}`, role: "option", class: "list-row", aria, dataset: { at } },
      this.#settings.row(item),
    );
    row.style.height = `${this.#settings.rowHeight}px`;
    return row;
  }

  #click(event) {
    const row = event.target.closest(".list-row");
    if (row === null) return;
    this.#active = Number(row.dataset.at);
    this.#draw();
    this.#settings.onchoose(this.#items[this.#active]);
  }
}
