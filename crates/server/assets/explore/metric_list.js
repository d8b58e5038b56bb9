// The side of the page: the metrics or labels of the database with a search, and details of the chosen one.

import { aboutMetric, equalMatcher, selectorOf } from "./catalog.js";
import { score } from "./completion.js";
import { kindLetter } from "./completion_list.js";
import { byId, debounce, element } from "./dom.js";
import { labelDetails, metricDetails } from "./metric_details.js";
import { formatCount } from "./number_format.js";
import { VirtualList } from "./virtual_list.js";

/** The side of the page with what the database has. `onquery(text)` writes a query and runs it. */
export class MetricList {
  #catalog;
  #onquery;
  #names = [];
  #isCut = false;
  #metadata = new Map();
  #applied = "";
  #request = 0;
  /** "metrics" or "labels". */
  #mode = "metrics";
  /** Labels and values that the metrics must have: `[label, value]`. */
  #filters = [];

  constructor(catalog, onquery) {
    this.#catalog = catalog;
    this.#onquery = onquery;
    this.search = byId("metric-search");
    this.count = byId("metric-count");
    this.details = byId("metric-details");
    this.filters = byId("metric-filters");
    this.list = new VirtualList({
      label: "Metrics or labels",
      rowHeight: 28,
      row: (name) => (this.#mode === "metrics" ? this.#metricRow(name) : this.#labelRow(name)),
      onchoose: (name) => (this.#mode === "metrics" ? this.#chooseMetric(name) : this.#chooseLabel(name)),
    });
    byId("metric-list").append(this.list.node);
    this.search.addEventListener(
      "input",
      debounce(80, () => this.#show()),
    );
    this.search.addEventListener("keydown", (event) => {
      // The keys mean the list for what is written, also before the delay is over.
      if (this.#applied !== this.search.value.trim()) this.#show();
      this.list.keydown(event);
    });
    byId("metric-reload").addEventListener("click", () => {
      this.#catalog.clear();
      this.load();
    });
    for (const mode of ["metrics", "labels"]) byId(`list-${mode}`).addEventListener("click", () => this.#setMode(mode));
  }

  /** Reads the list from the server. */
  async load() {
    this.#request += 1;
    const request = this.#request;
    this.count.textContent = "Loading…";
    try {
      const { names, isCut } = await this.#read();
      if (request !== this.#request) return;
      this.#names = names;
      this.#isCut = isCut;
      this.#show();
    } catch (error) {
      if (request === this.#request) this.count.textContent = error.message;
      return;
    }
    // Kinds and descriptions are an addition: the list works without them.
    this.#metadata = await this.#catalog.metadata().catch(() => new Map());
    this.list.refresh();
  }

  async #read() {
    const matchers = this.#matchers();
    if (this.#mode === "metrics") return this.#catalog.metrics(matchers);
    const names = await this.#catalog.labels(matchers.length === 0 ? null : `{${matchers.join(",")}}`);
    return { names: names.filter((name) => name !== "__name__"), isCut: false };
  }

  #matchers() {
    return this.#filters.map(([label, value]) => equalMatcher(label, value));
  }

  #setMode(mode) {
    this.#mode = mode;
    this.search.value = "";
    const text = mode === "metrics" ? "Search metrics" : "Search labels";
    this.search.placeholder = text;
    this.search.setAttribute("aria-label", text);
    for (const one of ["metrics", "labels"]) byId(`list-${one}`).setAttribute("aria-pressed", String(one === mode));
    this.details.hidden = true;
    this.load();
  }

  #setFilters(filters) {
    this.#filters = filters;
    this.filters.replaceChildren(...filters.map((filter) => this.#filterButton(filter)));
    this.#setMode("metrics");
  }

  #filterButton(filter) {
    const text = equalMatcher(...filter);
    const onclick = () => this.#setFilters(this.#filters.filter((one) => one !== filter));
    const aria = { label: `Remove the filter ${text}` };
    return element("button", { type: "button", class: "filter", aria, onclick }, `${text} ✕`);
  }

  /** Shows the names that fit the search. */
  #show() {
    const search = this.search.value.trim();
    this.#applied = search;
    const names = search === "" ? this.#names : this.#found(search);
    const total = `${formatCount(this.#names.length)}${this.#isCut ? " (the server has more)" : ""}`;
    const noun = this.#names.length === 1 ? this.#mode.slice(0, -1) : this.#mode;
    this.count.textContent = search === "" ? `${total} ${noun}` : `${formatCount(names.length)} of ${total}`;
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

  #metricRow(name) {
    const about = aboutMetric(this.#metadata, name);
    const kind = { class: `kind kind-${about?.type ?? "metric"}`, title: about?.type ?? "unknown kind" };
    return [
      element("span", { ...kind, aria: { hidden: true } }, kindLetter(about?.type)),
      element("span", { class: "list-name", title: about?.help ? `${name}\n${about.help}` : name }, name),
    ];
  }

  #labelRow(name) {
    return [
      element("span", { class: "kind kind-label", aria: { hidden: true } }, kindLetter("label")),
      element("span", { class: "list-name", title: name }, name),
    ];
  }

  #chooseMetric(name) {
    const about = aboutMetric(this.#metadata, name);
    const matchers = this.#matchers();
    const parts = metricDetails({ name, about, matchers, catalog: this.#catalog, onquery: this.#onquery });
    this.details.hidden = false;
    this.details.replaceChildren(...parts);
    this.#onquery(selectorOf(name, matchers));
  }

  #chooseLabel(label) {
    const others = this.#filters.filter(([one]) => one !== label);
    const matchers = others.map((filter) => equalMatcher(...filter));
    const onvalue = (value) => this.#setFilters([...others, [label, value]]);
    this.details.hidden = false;
    this.details.replaceChildren(...labelDetails({ label, matchers, catalog: this.#catalog, onvalue }));
  }
}
