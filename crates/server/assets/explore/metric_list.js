// The list of metrics with a search, and the labels of the chosen metric.

import { aboutMetric, equalMatcher, selectorOf } from "./catalog.js";
import { score } from "./completion.js";
import { kindLetter } from "./completion_list.js";
import { byId, debounce, element } from "./dom.js";
import { counted, formatCount } from "./number_format.js";
import { VirtualList } from "./virtual_list.js";

/** Values of a label that are shown; beyond that a search narrows them. */
const MAX_VALUES = 200;

/** The side of the page with what the database has. `onquery(text)` writes a query and runs it. */
export class MetricList {
  #catalog;
  #onquery;
  #names = [];
  #isCut = false;
  #metadata = new Map();
  #chosen = 0;
  #applied = "";

  constructor(catalog, onquery) {
    this.#catalog = catalog;
    this.#onquery = onquery;
    this.search = byId("metric-search");
    this.count = byId("metric-count");
    this.details = byId("metric-details");
    this.list = new VirtualList({
      label: "Metrics",
      rowHeight: 28,
      row: (name) => this.#row(name),
      onchoose: (name) => this.#choose(name),
    });
    byId("metric-list").append(this.list.node);
    this.search.addEventListener(
      "input",
      debounce(80, () => this.#filter()),
    );
    this.search.addEventListener("keydown", (event) => {
      // The keys mean the list for what is written, also before the delay is over.
      if (this.#applied !== this.search.value.trim()) this.#filter();
      this.list.keydown(event);
    });
    byId("metric-reload").addEventListener("click", () => {
      this.#catalog.clear();
      this.load();
    });
  }

  /** Reads the list from the server. */
  async load() {
    this.count.textContent = "Loading…";
    try {
      const { names, isCut } = await this.#catalog.metrics();
      this.#names = names;
      this.#isCut = isCut;
      this.#filter();
    } catch (error) {
      this.count.textContent = error.message;
      return;
    }
    // Kinds and descriptions are an addition: the list works without them.
    this.#metadata = await this.#catalog.metadata().catch(() => new Map());
    this.list.refresh();
  }

  #filter() {
    const search = this.search.value.trim();
    this.#applied = search;
    const names = search === "" ? this.#names : this.#found(search);
    const total = `${formatCount(this.#names.length)}${this.#isCut ? " (the server has more)" : ""}`;
    this.count.textContent =
      search === ""
        ? `${total} ${this.#names.length === 1 ? "metric" : "metrics"}`
        : `${formatCount(names.length)} of ${total}`;
    this.list.show(names);
  }

  /** Names that fit a search, best first. All words must fit; those of the description count, too. */
  #found(search) {
    const words = search.split(/\s+/);
    const scored = [];
    for (const name of this.#names) {
      const help = aboutMetric(this.#metadata, name)?.help?.toLowerCase() ?? "";
      let sum = 0;
      for (const word of words) {
        const points = score(name, word);
        if (points < 0 && !(word.length > 2 && help.includes(word.toLowerCase()))) sum = -Infinity;
        else sum += Math.max(points, 1);
      }
      if (sum > 0) scored.push({ name, sum });
    }
    return scored.sort((a, b) => b.sum - a.sum || (a.name < b.name ? -1 : 1)).map((one) => one.name);
  }

  #row(name) {
    const about = aboutMetric(this.#metadata, name);
    return [
      element(
        "span",
        { class: `kind kind-${about?.type ?? "metric"}`, title: about?.type ?? "unknown kind", aria: { hidden: true } },
        kindLetter(about?.type),
      ),
      element("span", { class: "list-name", title: about?.help ? `${name}\n${about.help}` : name }, name),
    ];
  }

  async #choose(name) {
    this.#chosen += 1;
    const chosen = this.#chosen;
    const about = aboutMetric(this.#metadata, name);
    const isCounter = about?.type === "counter" || /_(total|count|sum|bucket)$/.test(name);
    const head = element(
      "div",
      { class: "details-head" },
      element("h3", {}, name),
      element("p", { class: "details-help" }, [about?.type, about?.unit, about?.help].filter(Boolean).join(" · ")),
      element(
        "div",
        { class: "details-actions" },
        element("button", { type: "button", onclick: () => this.#onquery(selectorOf(name)) }, "Show"),
        isCounter
          ? element("button", { type: "button", onclick: () => this.#onquery(`rate(${selectorOf(name)}[5m])`) }, "Rate")
          : null,
        element("button", { type: "button", onclick: () => this.#onquery(`count(${selectorOf(name)})`) }, "Count"),
      ),
    );
    const labels = element("ul", { class: "labels" });
    this.details.hidden = false;
    this.details.replaceChildren(head, labels);
    this.#onquery(selectorOf(name));
    const matcher = equalMatcher("__name__", name);
    try {
      const names = (await this.#catalog.labels(`{${matcher}}`)).filter((label) => label !== "__name__");
      if (chosen !== this.#chosen) return;
      labels.replaceChildren(...names.map((label) => this.#label(name, matcher, label)));
      if (names.length === 0) labels.append(element("li", {}, "no labels"));
    } catch (error) {
      if (chosen === this.#chosen) labels.replaceChildren(element("li", { class: "details-error" }, error.message));
    }
  }

  /** A label that shows its values once it is opened. */
  #label(metric, matcher, label) {
    const values = element("ul", { class: "values" });
    const search = element("input", {
      type: "search",
      placeholder: "Search values",
      hidden: true,
      aria: { label: `Search values of ${label}` },
    });
    const count = element("span", { class: "label-count" });
    const fill = async () => {
      try {
        const found = await this.#catalog.values(label, [matcher], search.value.trim());
        const wanted = search.value.trim();
        const fitting = wanted === "" ? found.values : found.values.filter((value) => score(value, wanted) >= 0);
        search.hidden = wanted === "" && found.values.length <= 12;
        count.textContent = counted(
          found.values.length,
          "value",
          found.isCut ? "values, the server has more" : "values",
        );
        values.replaceChildren(...fitting.slice(0, MAX_VALUES).map((value) => this.#value(metric, label, value)));
        if (fitting.length > MAX_VALUES)
          values.append(element("li", {}, `${formatCount(fitting.length - MAX_VALUES)} more: search for them`));
      } catch (error) {
        values.replaceChildren(element("li", { class: "details-error" }, error.message));
      }
    };
    search.addEventListener("input", debounce(150, fill));
    const node = element(
      "details",
      {},
      element("summary", {}, element("span", { class: "label-name" }, label), count),
      search,
      values,
    );
    node.addEventListener("toggle", () => {
      if (node.open && values.childElementCount === 0) fill();
    });
    return element("li", {}, node);
  }

  #value(metric, label, value) {
    const query = selectorOf(metric, [equalMatcher(label, value)]);
    return element(
      "li",
      {},
      element("button", { type: "button", class: "value", title: query, onclick: () => this.#onquery(query) }, value),
    );
  }
}
