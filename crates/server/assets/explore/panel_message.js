// What a panel says when it has nothing to show: a hint, no data, or an error with what to do.

import { element } from "./dom.js";
import { classify, significant } from "./promql_lexer.js";
import { formatTime } from "./time_format.js";

const TITLES = {
  query: "The query has an error",
  timeout: "The query took too long",
  unreachable: "The server cannot be reached",
  unauthorized: "The server wants a token",
  cancelled: "The query was cancelled",
  missing: "The server has no such interface",
  server: "The server failed",
};

const ADVICE = {
  timeout: "Choose a shorter range or a longer step, or narrow the query with labels.",
  unreachable: "Check that the server runs and that the network is up. The page tries again by itself.",
  missing: "Check the address of this page: it must be below the server's or the database's own address.",
};

/** Returns the elements of a message: `{ kind, text, offset, query }`. */
export async function panelMessage(message, page, panel) {
  if (message.kind === "hint")
    return [
      element(
        "p",
        { class: "hint" },
        "Write a query, or choose a metric from the list. Enter runs it; Ctrl+Space shows completions.",
      ),
    ];
  if (message.kind === "empty") return emptyMessage(message.query, page);
  const children = [
    element("strong", {}, TITLES[message.kind] ?? TITLES.server),
    element("p", { class: "error-text" }, message.text),
  ];
  if (message.offset !== null && message.offset !== undefined) {
    children.push(
      excerpt(panel.box.text, message.offset),
      element(
        "button",
        { type: "button", class: "link", onclick: () => panel.box.select(message.offset) },
        "Go to the place",
      ),
    );
  }
  const advice = ADVICE[message.kind];
  if (advice !== undefined) children.push(element("p", {}, advice));
  if (message.kind === "unauthorized")
    children.push(element("button", { type: "button", onclick: () => page.changeToken() }, "Enter a token"));
  else if (message.kind !== "query")
    children.push(element("button", { type: "button", onclick: () => panel.run() }, "Try again"));
  return [
    element(
      "div",
      {
        class: message.kind === "cancelled" ? "message" : "message message-error",
        role: "alert",
        dataset: { kind: message.kind },
      },
      children,
    ),
  ];
}

/** The line of an error, and a caret below its place. */
function excerpt(text, offset) {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  const line = text.slice(start, end === -1 ? undefined : end);
  const skipped = Math.max(0, offset - start - 40);
  const before = line.slice(skipped, offset - start).replace(/[^\t]/g, " ");
  return element("pre", { class: "error-excerpt" }, `${line.slice(skipped, skipped + 80)}\n${before}^`);
}

async function emptyMessage(query, page) {
  const { isUtc, range } = page.state;
  const { startMs, endMs } = range.bounds(page.nowMs());
  const metrics = metricsOf(query);
  const unknown = await unknownMetrics(metrics, page.catalog);
  const text =
    unknown.length > 0
      ? `The database has no metric named ${unknown.map((name) => `"${name}"`).join(", ")}.`
      : `No series matches between ${formatTime(startMs, isUtc)} and ${formatTime(endMs, isUtc)}.`;
  const children = [element("strong", {}, "No data"), element("p", {}, text)];
  if (unknown.length === 0 && metrics.length > 0) children.push(newestButton(metrics, page));
  return [element("div", { class: "message", dataset: { kind: "empty" } }, children)];
}

/** A button that moves the range to the newest data of metrics. */
function newestButton(metrics, page) {
  const answer = element("span", { role: "status" });
  const button = element("button", { type: "button" }, "Show the newest data");
  button.addEventListener("click", async () => {
    button.disabled = true;
    answer.textContent = "Searching…";
    try {
      const isFound = await page.showNewest(metrics);
      answer.textContent = isFound
        ? ""
        : "No other data was found between 1970 and tomorrow. Check the labels of the query.";
    } catch (error) {
      answer.textContent = error.message;
    }
    button.disabled = false;
  });
  return element("p", { class: "message-action" }, button, answer);
}

/** Returns the metrics that a query names, at most twenty. */
function metricsOf(query) {
  const tokens = significant(classify(query));
  const names = tokens.filter((token) => token.className === "metric").map((token) => token.text);
  return [...new Set(names)].slice(0, 20);
}

/** Returns those of some metrics that the database does not have, at most five. */
async function unknownMetrics(metrics, catalog) {
  const list = await catalog.metrics().catch(() => null);
  if (list === null || list.isCut) return [];
  const known = new Set(list.names);
  return metrics.filter((name) => !known.has(name)).slice(0, 5);
}
