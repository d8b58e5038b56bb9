// The box for a query: a text area over a copy with colours, completion, and the mark of an error.

import { placeToOffset } from "./api_error.js";
import { CompletionList } from "./completion_list.js";
import { completionContext, completions } from "./completion.js";
import { element } from "./dom.js";
import { classify } from "./promql_lexer.js";

/** A box for a query. It calls `onrun` when the user wants the answer. */
export class QueryBox {
  #catalog;
  #onrun;
  #error = null;
  #context = null;
  #request = 0;
  #timer = 0;
  #isReplacing = false;
  #listedText = "";

  constructor({ text, label, catalog, onrun, oninput }) {
    this.#catalog = catalog;
    this.#onrun = onrun;
    this.list = new CompletionList((item) => this.#accept(item));
    this.colours = element("pre", { class: "query-colours", aria: { hidden: true } });
    this.area = element("textarea", {
      class: "query-text",
      rows: 1,
      spellcheck: false,
      autocapitalize: "off",
      autocomplete: "off",
      placeholder: "PromQL, such as rate(requests_total[5m])",
      role: "combobox",
      aria: {
        label,
        autocomplete: "list",
        expanded: false,
        controls: this.list.id,
        haspopup: "listbox",
        multiline: true,
      },
      onkeydown: (event) => this.#keydown(event),
      onblur: () => this.#close(),
      onclick: () => this.#close(),
    });
    this.area.addEventListener("input", () => {
      this.clearError();
      oninput(this.text);
      clearTimeout(this.#timer);
      if (!this.#isReplacing) this.#timer = setTimeout(() => this.#complete(false), 60);
    });
    this.field = element("div", { class: "query-field" }, this.colours, this.area);
    this.node = element("div", { class: "query-box" }, this.field, this.list.node);
    this.text = text;
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    this.area.value = text;
    this.clearError();
  }

  focus() {
    this.area.focus();
  }

  /** Writes a text at the caret, or over the whole query if it is empty or `isWhole`. */
  insert(text, isWhole = false) {
    if (isWhole) this.area.select();
    this.#replace(isWhole ? 0 : this.area.selectionStart, isWhole ? this.text.length : this.area.selectionEnd, text);
  }

  /** Marks the part of the query at a line and column. Returns the offset of the part. */
  markError(place) {
    const offset = Math.min(placeToOffset(this.text, place), this.text.length);
    this.#error = offset;
    this.#paint();
    return offset;
  }

  /** Puts the caret at an offset. */
  select(offset) {
    this.area.focus();
    this.area.setSelectionRange(offset, offset);
  }

  clearError() {
    this.#error = null;
    this.area.removeAttribute("aria-invalid");
    this.#paint();
  }

  #paint() {
    const tokens = classify(this.text);
    const at = this.#error;
    const spans = tokens.map((token) => {
      const isWrong = at !== null && token.start <= at && at < token.end;
      const classes = [token.className && `token-${token.className}`, isWrong && "query-wrong"].filter(Boolean);
      return classes.length === 0 ? token.text : element("span", { class: classes.join(" ") }, token.text);
    });
    if (at !== null) {
      this.area.setAttribute("aria-invalid", "true");
      // What is missing at the end is marked behind it.
      if (at >= this.text.length) spans.push(element("span", { class: "query-wrong" }, "\u00a0"));
    }
    // A last line without characters has no height of its own.
    this.colours.replaceChildren(...spans, "\u200b");
  }

  #keydown(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return this.#run(event);
    if ((event.key === " " && event.ctrlKey) || (event.key === "ArrowDown" && event.altKey)) {
      event.preventDefault();
      this.#complete(true);
      return;
    }
    if (this.list.isOpen && this.#keydownInList(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) return this.#run(event);
    this.#typeOver(event);
  }

  /** Returns `true` if the list has used the key. */
  #keydownInList(event) {
    const distance = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    const item = this.list.active;
    if (distance !== undefined) {
      this.list.move(distance);
      this.#describe();
    } else if (event.key === "Escape") {
      this.#close();
      event.stopPropagation();
    } else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && item !== null) {
      // A word that is complete needs no completion, and a list for an earlier text means nothing: Enter then runs.
      const isComplete = this.text.slice(this.#context.from, this.#context.to) === (item.insert ?? item.name);
      if (isComplete || this.#listedText !== this.text) {
        this.#close();
        return false;
      }
      this.#accept(item);
    } else return false;
    event.preventDefault();
    return true;
  }

  #run(event) {
    event.preventDefault();
    this.#close();
    this.#onrun();
  }

  /** A closing bracket or quote that completion wrote is not written twice. */
  #typeOver(event) {
    const { selectionStart: start, selectionEnd: end } = this.area;
    if (start !== end || !')}]"'.includes(event.key) || this.text[start] !== event.key) return;
    if (event.key !== '"') {
      const opening = { ")": "(", "}": "{", "]": "[" }[event.key];
      const count = (character) => this.text.split(character).length;
      if (count(opening) !== count(event.key)) return;
    } else if (completionContext(this.text, start).isOpen !== false) return;
    event.preventDefault();
    this.area.setSelectionRange(start + 1, start + 1);
    this.#close();
  }

  async #complete(isWanted) {
    const caret = this.area.selectionStart;
    const text = this.text;
    if (document.activeElement !== this.area || caret !== this.area.selectionEnd) return;
    const context = completionContext(text, caret);
    // Without a letter only what has few names is offered unasked.
    if (
      context.kind === "none" ||
      (!isWanted && context.search === "" && ["expression", "operator"].includes(context.kind))
    ) {
      this.#close();
      return;
    }
    this.#request += 1;
    const request = this.#request;
    const items = await completions(context, this.#catalog, text);
    if (request !== this.#request || text !== this.text || document.activeElement !== this.area) return;
    this.#context = context;
    this.#listedText = text;
    const note =
      items.length === 0 && isWanted ? "No completion here" : items[0]?.isCut ? "More values: write on to search" : "";
    const place = this.#placeOf(context.from);
    this.list.show(items, note, place.left, place.top);
    this.#describe();
  }

  /** Returns the place below a character, from the corner of the box. */
  #placeOf(offset) {
    const box = this.node.getBoundingClientRect();
    const walker = document.createTreeWalker(this.colours, NodeFilter.SHOW_TEXT);
    let rest = offset;
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      if (rest <= node.length) {
        const range = document.createRange();
        range.setStart(node, rest);
        range.collapse(true);
        const place = range.getClientRects()[0] ?? this.colours.getBoundingClientRect();
        return { left: place.left - box.left, top: place.top + 22 - box.top };
      }
      rest -= node.length;
    }
    return { left: 0, top: box.height };
  }

  #accept(item) {
    const context = this.#context;
    const text = item.insert ?? item.name;
    this.#close();
    this.#replace(context.from, context.to, text);
    if (item.caret !== undefined) {
      const caret = Math.min(context.from + item.caret, this.text.length);
      this.area.setSelectionRange(caret, caret);
    }
    if (item.isOpening) this.#complete(false);
    else this.#close();
  }

  /** Replaces a part of the text such that the browser's undo takes it back. */
  #replace(from, to, text) {
    this.area.focus();
    this.area.setSelectionRange(from, to);
    this.#isReplacing = true;
    const isDone = document.execCommand(text === "" ? "delete" : "insertText", false, text);
    if (!isDone) {
      this.area.setRangeText(text, from, to, "end");
      this.area.dispatchEvent(new Event("input"));
    }
    this.#isReplacing = false;
  }

  #describe() {
    this.area.setAttribute("aria-expanded", String(this.list.isOpen));
    if (this.list.activeId === "") this.area.removeAttribute("aria-activedescendant");
    else this.area.setAttribute("aria-activedescendant", this.list.activeId);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#request += 1;
    this.list.hide();
    this.#describe();
  }
}
