// The legend of a chart: a button for each line, with its value at the cursor.

import { element } from "./dom.js";
import { formatShort } from "./number_format.js";
import { lineColour } from "./theme.js";

/**
 * A list of lines. A click shows a line alone, or all again; with Ctrl, Cmd or Shift it shows or hides that one.
 */
export class Legend {
  #settings;
  #data = null;
  #shown = [];
  #values = [];
  #buttons = [];

  /** `settings` has `isDark()`, `ontoggle(number, isShown)` and `onhighlight(number or null)`. */
  constructor(settings) {
    this.#settings = settings;
    this.list = element("ul", { class: "legend-lines", aria: { label: "Lines of the chart" } });
    this.node = element("div", { class: "legend", hidden: true }, this.list);
  }

  show(data) {
    this.#data = data;
    this.#shown = data.names.map(() => true);
    this.draw();
  }

  /** Draws again, in the colours of now. */
  draw() {
    if (this.#data === null) return;
    this.node.hidden = this.#data.names.length === 0;
    this.#values = [];
    this.#buttons = [];
    this.list.replaceChildren(...this.#data.names.map((name, number) => this.#line(name, number)));
    this.showValues(null);
  }

  /** Shows the values at an index of the chart, or the last ones. */
  showValues(at) {
    this.#data?.columns.forEach((column, number) => {
      const value = at === null ? lastValue(column) : column[at];
      this.#values[number].textContent = value === null || value === undefined ? "–" : formatShort(value);
    });
  }

  #line(name, number) {
    const value = element("span", { class: "legend-value" });
    const button = element(
      "button",
      {
        type: "button",
        class: "legend-line",
        aria: { pressed: this.#shown[number] },
        title: "Click: this line alone. Ctrl or Shift and click: show or hide it.",
        onclick: (event) => this.#click(number, event.ctrlKey || event.metaKey || event.shiftKey),
        onmouseenter: () => this.#settings.onhighlight(number),
        onmouseleave: () => this.#settings.onhighlight(null),
      },
      element("span", { class: "legend-colour", aria: { hidden: true } }),
      element("span", { class: "legend-name" }, name),
      value,
    );
    button.style.setProperty("--line-colour", lineColour(number, this.#settings.isDark()));
    this.#values[number] = value;
    this.#buttons[number] = button;
    return element("li", {}, button);
  }

  #click(number, isAdded) {
    const isAlone = this.#shown.every((isShown, at) => isShown === (at === number));
    this.#shown = this.#shown.map((isShown, at) => {
      if (isAdded) return at === number ? !isShown : isShown;
      return isAlone || at === number;
    });
    this.#shown.forEach((isShown, at) => {
      this.#buttons[at].setAttribute("aria-pressed", String(isShown));
      this.#settings.ontoggle(at, isShown);
    });
  }
}

function lastValue(column) {
  for (let at = column.length - 1; at >= 0; at -= 1) {
    if (column[at] !== null) return column[at];
  }
  return null;
}
