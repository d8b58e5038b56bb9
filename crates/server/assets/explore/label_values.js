// The values of a label, with a search.

import { score } from "./completion.js";
import { debounce, element } from "./dom.js";
import { counted, formatCount } from "./number_format.js";

/** Values that are shown; beyond that a search narrows them. */
const MAX_VALUES = 200;

/** Values from which on there is a field to search them. */
const SEARCHED_VALUES = 13;

/** The values of a label of the series that matchers select. `onvalue(value)` is called with the value that was clicked. */
export class LabelValues {
  #catalog;
  #label;
  #matchers;
  #onvalue;
  #request = 0;

  constructor(catalog, label, matchers, onvalue) {
    this.#catalog = catalog;
    this.#label = label;
    this.#matchers = matchers;
    this.#onvalue = onvalue;
    this.isFilled = false;
    this.count = element("span", { class: "label-count" });
    this.search = element("input", {
      type: "search",
      placeholder: "Search values",
      hidden: true,
      aria: { label: `Search values of ${label}` },
      oninput: debounce(150, () => this.fill()),
    });
    this.list = element("ul", { class: "values" });
  }

  /** Reads the values from the server. */
  async fill() {
    this.isFilled = true;
    this.#request += 1;
    const request = this.#request;
    const wanted = this.search.value.trim();
    try {
      const { values, isCut } = await this.#catalog.values(this.#label, this.#matchers, wanted);
      if (request !== this.#request) return;
      this.search.hidden = wanted === "" && values.length < SEARCHED_VALUES;
      this.count.textContent = counted(values.length, "value", isCut ? "values, the server has more" : "values");
      this.#show(wanted === "" ? values : values.filter((value) => score(value, wanted) >= 0));
    } catch (error) {
      if (request === this.#request)
        this.list.replaceChildren(element("li", { class: "details-error" }, error.message));
    }
  }

  #show(values) {
    const rows = values.slice(0, MAX_VALUES).map((value) => {
      const onclick = () => this.#onvalue(value);
      return element("li", {}, element("button", { type: "button", class: "value", onclick }, value));
    });
    const rest = values.length - rows.length;
    if (rest > 0) rows.push(element("li", {}, `${formatCount(rest)} more: search for them`));
    this.list.replaceChildren(...rows);
  }
}
