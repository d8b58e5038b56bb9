// What is known of a metric, its labels and their values.

import { equalMatcher, selectorOf } from "./catalog.js";
import { element } from "./dom.js";
import { LabelValues } from "./label_values.js";

/**
 * Returns the elements of a metric. `about` has kind, unit and description, `matchers` narrow the labels, `onquery(text)`
 * runs a query.
 */
export function metricDetails({ name, about, matchers, catalog, onquery }) {
  const isCounter = about?.type === "counter" || /_(total|count|sum|bucket)$/.test(name);
  const selector = selectorOf(name, matchers);
  const button = (text, query) => element("button", { type: "button", onclick: () => onquery(query) }, text);
  const labels = element("ul", { class: "labels" });
  fillLabels(labels, name, matchers, catalog, onquery);
  return [
    element("h3", {}, name),
    element("p", { class: "details-help" }, [about?.type, about?.unit, about?.help].filter(Boolean).join(" · ")),
    element(
      "div",
      { class: "details-actions" },
      button("Show", selector),
      isCounter ? button("Rate", `rate(${selector}[5m])`) : null,
      button("Count", `count(${selector})`),
    ),
    labels,
  ];
}

async function fillLabels(list, name, matchers, catalog, onquery) {
  const all = [equalMatcher("__name__", name), ...matchers];
  try {
    const names = (await catalog.labels(`{${all.join(",")}}`)).filter((label) => label !== "__name__");
    list.replaceChildren(...names.map((label) => labelRow(label, name, matchers, all, catalog, onquery)));
    if (names.length === 0) list.append(element("li", {}, "no labels"));
  } catch (error) {
    list.replaceChildren(element("li", { class: "details-error" }, error.message));
  }
}

/** A label that shows its values once it is opened. */
function labelRow(label, name, matchers, all, catalog, onquery) {
  const values = new LabelValues(catalog, label, all, (value) =>
    onquery(selectorOf(name, [...matchers, equalMatcher(label, value)])),
  );
  const summary = element("summary", {}, element("span", { class: "label-name" }, label), values.count);
  const node = element("details", {}, summary, values.search, values.list);
  node.addEventListener("toggle", () => node.open && !values.isFilled && values.fill());
  return element("li", {}, node);
}

/**
 * Returns the elements of a label of all metrics: its values, each of which leads to the metrics that have it.
 * `onvalue(value)` is called with the one that was clicked.
 */
export function labelDetails({ label, matchers, catalog, onvalue }) {
  const values = new LabelValues(catalog, label, matchers, onvalue);
  values.fill();
  return [
    element("h3", {}, label, values.count),
    element("p", { class: "details-help" }, "A value leads to the metrics that have it."),
    values.search,
    values.list,
  ];
}
