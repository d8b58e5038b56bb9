// The list of completions below the caret.

import { element, uniqueId } from "./dom.js";

/** A list box of items, one of which is active. The focus stays in the text. */
export class CompletionList {
  #items = [];
  #active = 0;
  #onaccept;

  /** `onaccept` is called with the item that was clicked. */
  constructor(onaccept) {
    this.#onaccept = onaccept;
    this.id = uniqueId("completions");
    this.list = element("ul", {
      id: this.id,
      role: "listbox",
      class: "completion-items",
      aria: { label: "Completions" },
    });
    this.note = element("p", { class: "completion-note" });
    this.node = element("div", { class: "completions", hidden: true }, this.list, this.note);
    // A click must not take the focus from the text.
    this.node.addEventListener("mousedown", (event) => event.preventDefault());
  }

  get isOpen() {
    return !this.node.hidden;
  }

  /** Returns the active item, or `null`. */
  get active() {
    return this.isOpen ? (this.#items[this.#active] ?? null) : null;
  }

  /** Returns the id of the active item's element, for `aria-activedescendant`. */
  get activeId() {
    return this.active === null ? "" : `${this.id}-${this.#active}`;
  }

  /** Shows items at a place within the offset parent. */
  show(items, note, left, top) {
    this.#items = items;
    this.#active = 0;
    this.list.replaceChildren(...items.map((item, at) => this.#row(item, at)));
    this.note.textContent = note;
    this.note.hidden = note === "";
    this.node.hidden = items.length === 0 && note === "";
    if (this.node.hidden) return;
    this.node.style.left = "0px";
    this.node.style.top = `${top}px`;
    const width = this.node.offsetWidth;
    const room = this.node.offsetParent?.clientWidth ?? width;
    this.node.style.left = `${Math.max(0, Math.min(left, room - width))}px`;
    this.#mark();
  }

  hide() {
    this.node.hidden = true;
    this.#items = [];
  }

  /** Makes another item active, by its distance from the active one. The list is a ring. */
  move(distance) {
    const count = this.#items.length;
    if (count === 0) return;
    const isPage = Math.abs(distance) > 1;
    const next = this.#active + distance;
    this.#active = isPage ? Math.max(0, Math.min(count - 1, next)) : (next + count) % count;
    this.#mark();
  }

  #row(item, at) {
    return element(
      "li",
      { id: `${this.id}-${at}`, role: "option", class: "completion", onclick: () => this.#onaccept(item) },
      element(
        "span",
        { class: `kind kind-${item.kind}`, title: item.kind, aria: { hidden: true } },
        kindLetter(item.kind),
      ),
      element("span", { class: "completion-name" }, item.name === "" ? '""' : item.name),
      element("span", { class: "completion-detail" }, item.detail ?? ""),
    );
  }

  #mark() {
    [...this.list.children].forEach((row, at) => {
      row.setAttribute("aria-selected", String(at === this.#active));
      if (at === this.#active) row.scrollIntoView({ block: "nearest" });
    });
  }
}

const LETTERS = {
  function: "ƒ",
  aggregation: "Σ",
  keyword: "k",
  label: "L",
  value: "=",
  duration: "t",
  counter: "C",
  gauge: "G",
  histogram: "H",
  summary: "S",
};

/** Returns a letter for the kind of an item. Metrics of unknown kind have M. */
export function kindLetter(kind) {
  return LETTERS[kind] ?? "M";
}
