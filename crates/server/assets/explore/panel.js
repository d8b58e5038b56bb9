// A panel: one query, and its answer as a chart or a table.

import { ApiError } from "./api_error.js";
import { Chart } from "./chart.js";
import { element, uniqueId } from "./dom.js";
import { Legend } from "./legend.js";
import { panelMessage } from "./panel_message.js";
import { counted, formatCount } from "./number_format.js";
import { QueryBox } from "./query_box.js";
import { alignMatrix, seriesName } from "./series.js";
import { ResultTable } from "./table.js";
import { rangeQueryTimes } from "./time_range.js";

/** Lines that are drawn at first, and at most. */
const FIRST_LINES = 200;
const MAX_LINES = 2_000;

/** Rows that a table asks for at most. */
const MAX_ROWS = 20_000;

/**
 * A panel. `page` has the state and what panels share: `api`, `catalog`, `health`, `theme`, `state`, `nowMs()`,
 * `onchange(isStep)`, `onremove(panel)`, `onzoom(startMs, endMs)`, `onfocus(panel)`, `showNewest()`.
 */
export class Panel {
  #page;
  #request = null;
  #matrix = null;
  #times = null;
  #lines = FIRST_LINES;
  #messages = 0;

  constructor(page, { query, view }) {
    this.#page = page;
    this.view = view;
    this.box = new QueryBox({
      text: query,
      label: "Query in PromQL",
      catalog: page.catalog,
      onrun: () => this.run(true),
      oninput: () => {},
    });
    const isUtc = () => page.state.isUtc;
    const isDark = () => page.theme.isDark;
    this.chart = new Chart({ isUtc, isDark, onzoom: page.onzoom, oncursor: (at) => this.legend.showValues(at) });
    this.legend = new Legend({
      isDark,
      ontoggle: (at, isShown) => this.chart.toggle(at, isShown),
      onhighlight: (at) => this.chart.highlight(at),
    });
    this.table = new ResultTable(isUtc);
    this.message = element("div", { class: "panel-message", role: "status" });
    this.notes = element("div", { class: "panel-notes" });
    this.status = element("p", { class: "panel-status", role: "status" });
    this.result = element("div", { class: "panel-result" }, this.chart.node, this.legend.node, this.table.node);
    this.node = this.#build();
    this.#showView();
  }

  /** Query and view, for the address of the page. */
  get state() {
    return { query: this.box.text, view: this.view };
  }

  #build() {
    this.runButton = element(
      "button",
      { type: "button", class: "primary run", title: "Run the query (Enter)", onclick: () => this.#runOrCancel() },
      "Run",
    );
    this.tabs = ["graph", "table"].map((view) =>
      element(
        "button",
        {
          type: "button",
          role: "tab",
          class: "tab",
          dataset: { view },
          onclick: () => this.setView(view),
          onkeydown: (event) => this.#keydownInTabs(event),
        },
        view === "graph" ? "Graph" : "Table",
      ),
    );
    this.result.id = uniqueId("result");
    for (const tab of this.tabs) tab.setAttribute("aria-controls", this.result.id);
    this.result.setAttribute("role", "tabpanel");
    return element(
      "section",
      { class: "panel", aria: { label: "Query" }, onfocusin: () => this.#page.onfocus(this) },
      element(
        "div",
        { class: "panel-query" },
        this.box.node,
        this.runButton,
        element(
          "button",
          {
            type: "button",
            class: "icon remove",
            title: "Remove this query",
            aria: { label: "Remove this query" },
            onclick: () => this.#page.onremove(this),
          },
          "✕",
        ),
      ),
      this.message,
      element(
        "div",
        { class: "panel-bar" },
        element("div", { role: "tablist", class: "tabs", aria: { label: "View" } }, this.tabs),
        this.status,
      ),
      this.notes,
      this.result,
    );
  }

  #keydownInTabs(event) {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    this.setView(this.view === "graph" ? "table" : "graph");
    this.tabs.find((tab) => tab.dataset.view === this.view).focus();
  }

  setView(view) {
    if (view === this.view) return;
    this.view = view;
    this.#showView();
    this.run(true);
  }

  #showView() {
    for (const tab of this.tabs) {
      const isActive = tab.dataset.view === this.view;
      tab.setAttribute("aria-selected", String(isActive));
      tab.tabIndex = isActive ? 0 : -1;
    }
    this.#showResult(false);
  }

  /** Shows the result's part for the view, or nothing. */
  #showResult(hasResult) {
    this.result.hidden = !hasResult;
    this.chart.node.hidden = this.view !== "graph";
    this.legend.node.hidden = this.view !== "graph";
    this.table.node.hidden = this.view !== "table";
  }

  #runOrCancel() {
    if (this.#request === null) this.run(true);
    else this.#request.abort();
  }

  /** Asks the server. `isStep` makes the state of now a step of the browser's history. */
  async run(isStep = false) {
    this.#page.onchange(isStep);
    this.#request?.abort();
    this.#request = null;
    const query = this.box.text.trim();
    if (query === "") return this.#showMessage({ kind: "hint" });
    const request = new AbortController();
    this.#request = request;
    this.#setBusy(true);
    const began = performance.now();
    try {
      if (this.view === "graph") await this.#runRange(query, request.signal, began);
      else await this.#runInstant(query, request.signal, began);
    } catch (error) {
      if (this.#request === request) this.#showError(error);
    } finally {
      if (this.#request === request) {
        this.#request = null;
        this.#setBusy(false);
      }
    }
  }

  async #runRange(query, signal, began) {
    const { range, step } = this.#page.state;
    const times = rangeQueryTimes(range, step, this.chart.width, this.#page.nowMs());
    if (times.error !== undefined) throw new ApiError("query", times.error);
    const body = await this.#page.api.api(
      "query_range",
      { query, ...times, limit: MAX_LINES },
      { isPost: true, signal },
    );
    if (signal.aborted) return;
    this.#matrix = body.data.result;
    this.#times = times;
    this.#lines = FIRST_LINES;
    if (this.#matrix.length === 0) return this.#showEmpty(query, body);
    this.#drawMatrix(body, performance.now() - began);
  }

  #drawMatrix(body, milliseconds) {
    this.#clearMessage();
    this.#showResult(true);
    const data = alignMatrix(this.#matrix, this.#times, this.#lines);
    this.chart.show(data);
    this.legend.show(data);
    this.status.textContent = `${counted(this.#matrix.length, "series", "series")}, ${counted(data.points, "point", "points")}, step ${this.#times.step} s, ${Math.round(milliseconds)} ms`;
    this.#showNotes(body, data.notFinite, milliseconds);
  }

  async #runInstant(query, signal, began) {
    const { range } = this.#page.state;
    const time = range.bounds(this.#page.nowMs()).endMs / 1000;
    const body = await this.#page.api.api("query", { query, time, limit: MAX_ROWS }, { isPost: true, signal });
    if (signal.aborted) return;
    const isList = Array.isArray(body.data.result) && ["vector", "matrix"].includes(body.data.resultType);
    if (isList && body.data.result.length === 0) return this.#showEmpty(query, body);
    this.#clearMessage();
    this.#showResult(true);
    this.table.show(body.data);
    const count = isList ? counted(body.data.result.length, "series", "series") : body.data.resultType;
    this.status.textContent = `${count}, ${Math.round(performance.now() - began)} ms`;
    this.#showNotes(body, 0, 0);
  }

  /** Shows what the server remarks, and what is not drawn. */
  #showNotes(body, notFinite, milliseconds) {
    const notes = [];
    const count = this.view === "graph" ? this.#matrix.length : 0;
    if (count > this.#lines) {
      const more = Math.min(count, MAX_LINES);
      const all =
        this.#lines < more
          ? element(
              "button",
              { type: "button", class: "link", onclick: () => this.#drawMore(body, milliseconds, more) },
              `Draw ${formatCount(more)} (slow)`,
            )
          : null;
      notes.push(
        note(
          "warning",
          `Only ${formatCount(this.#lines)} of ${formatCount(count)} series are drawn. Narrow the query with labels, topk() or an aggregation. `,
          all,
        ),
      );
    }
    if (notFinite > 0)
      notes.push(
        note(
          "info",
          `${counted(notFinite, "point is", "points are")} infinite or NaN and cannot be drawn. The table shows them.`,
        ),
      );
    for (const text of body.warnings ?? []) notes.push(note("warning", warningText(text, body.data.result.length)));
    for (const text of body.infos ?? []) notes.push(note("info", text));
    this.notes.replaceChildren(...notes);
  }

  #drawMore(body, milliseconds, lines) {
    this.#lines = lines;
    this.#drawMatrix(body, milliseconds);
  }

  async #showEmpty(query, body) {
    this.status.textContent = "0 series";
    this.#showNotesOnly(body);
    await this.#showMessage({ kind: "empty", query });
  }

  #showNotesOnly(body) {
    this.notes.replaceChildren(...[...(body.warnings ?? []), ...(body.infos ?? [])].map((text) => note("info", text)));
  }

  #showError(error) {
    const known = error instanceof ApiError ? error : new ApiError("server", `The page failed: ${error.message}`);
    if (!(error instanceof ApiError)) console.error(error);
    this.status.textContent = "";
    this.notes.replaceChildren();
    const offset = known.place === null ? null : this.box.markError(known.place);
    this.#showMessage({ kind: known.kind, text: known.message, offset });
  }

  async #showMessage(message) {
    this.#showResult(false);
    if (message.kind === "hint") {
      this.status.textContent = "";
      this.notes.replaceChildren();
    }
    this.#messages += 1;
    const number = this.#messages;
    const children = await panelMessage(message, this.#page, this);
    // A newer answer or message counts.
    if (number === this.#messages) this.message.replaceChildren(...children);
  }

  #clearMessage() {
    this.#messages += 1;
    this.box.clearError();
    this.message.replaceChildren();
  }

  #setBusy(isBusy) {
    this.node.classList.toggle("is-busy", isBusy);
    this.node.setAttribute("aria-busy", String(isBusy));
    this.runButton.textContent = isBusy ? "Cancel" : "Run";
  }

  /** Draws again, after a change of colours or the time zone. */
  redraw() {
    if (this.result.hidden) return;
    if (this.view === "graph") {
      this.chart.draw();
      this.legend.draw();
    } else this.table.draw();
  }

  remove() {
    this.#request?.abort();
    this.#request = null;
    this.chart.remove();
    this.node.remove();
  }

  /** Names of the series that the panel shows. */
  get seriesNames() {
    return (this.#matrix ?? []).map((series) => seriesName(series.metric));
  }
}

function note(kind, text, action = null) {
  return element("p", { class: `note note-${kind}` }, text, action);
}

/** Says what the limit that the page has set means; other warnings are shown as they are. */
function warningText(text, count) {
  if (!/truncated due to limit/.test(text)) return text;
  return `The server has more series and sent the first ${formatCount(count)}. Narrow the query with labels, topk() or an aggregation.`;
}
