// The table of an instant query.

import { download, element } from "./dom.js";
import { counted, formatCount } from "./number_format.js";
import { csvField, parseValue, tableOf } from "./series.js";
import { formatTime } from "./time_format.js";

/** Rows that are shown at first, and added by each "Show more". */
const PAGE = 500;

/** Points of a range that a row shows. */
const MAX_POINTS_IN_ROW = 100;

/** A table with columns that sort. */
export class ResultTable {
  #isUtc;
  #table = null;
  #order = { column: null, isDown: false };
  #shown = PAGE;

  constructor(isUtc) {
    this.#isUtc = isUtc;
    this.node = element("div", { class: "result-table" });
  }

  /** Shows the data of an answer. */
  show(data) {
    this.#table = tableOf(data);
    this.#order = { column: null, isDown: false };
    this.#shown = PAGE;
    this.draw();
  }

  /** Draws again, in the time zone of now. */
  draw() {
    const table = this.#table;
    if (table === null) return;
    const rows = this.#sorted();
    const caption = this.#caption(table);
    const head = element(
      "tr",
      {},
      table.labels.map((label) => this.#header(label, label === "__name__" ? "metric" : label, "")),
      this.#header("value", "value", table.kind === "matrix" ? "" : "number"),
      table.kind === "matrix" ? null : this.#header("time", "time", ""),
    );
    const body = rows.slice(0, this.#shown).map((row) => this.#row(row));
    const grid = element(
      "table",
      {},
      element("caption", { class: "visually-hidden" }, caption),
      element("thead", {}, head),
      element("tbody", {}, body),
    );
    const rest = rows.length - this.#shown;
    this.node.replaceChildren(
      element(
        "p",
        { class: "table-caption" },
        caption,
        " ",
        element("button", { type: "button", class: "link", onclick: () => this.#save() }, "Save as CSV"),
      ),
      element("div", { class: "table-scroll", tabIndex: 0, role: "region", aria: { label: "Table of values" } }, grid),
      rest > 0
        ? element(
            "button",
            { type: "button", onclick: () => this.#more() },
            `Show ${formatCount(Math.min(rest, PAGE))} more of ${formatCount(rest)}`,
          )
        : "",
    );
  }

  #caption(table) {
    const common = table.common
      .map(([label, value]) => `${label === "__name__" ? "metric" : label}=${JSON.stringify(value)}`)
      .join(", ");
    return counted(table.rows.length, "row", "rows") + (common === "" ? "" : `, all with ${common}`);
  }

  #header(column, text, className) {
    const { column: sorted, isDown } = this.#order;
    const direction = sorted === column ? (isDown ? "descending" : "ascending") : "none";
    return element(
      "th",
      { scope: "col", class: className, aria: { sort: direction } },
      element(
        "button",
        { type: "button", onclick: () => this.#sort(column) },
        text,
        element(
          "span",
          { class: "sort-mark", aria: { hidden: true } },
          { ascending: " ▲", descending: " ▼", none: "" }[direction],
        ),
      ),
    );
  }

  #row(row) {
    const cells = this.#table.labels.map((label) => element("td", {}, row.metric[label] ?? ""));
    const value =
      row.points === null
        ? element("td", { class: "number" }, row.value)
        : element("td", { class: "points" }, this.#points(row.points));
    const time = this.#table.kind === "matrix" ? null : element("td", { class: "time" }, this.#time(row.time));
    return element("tr", {}, cells, value, time);
  }

  #points(points) {
    const lines = points.slice(-MAX_POINTS_IN_ROW).map(([time, value]) => `${value} @ ${this.#time(time)}`);
    const rest = points.length - lines.length;
    return (rest > 0 ? `${formatCount(rest)} earlier points\n` : "") + lines.join("\n");
  }

  #time(seconds) {
    return seconds === null ? "" : formatTime(seconds * 1000, this.#isUtc());
  }

  #sorted() {
    const { column, isDown } = this.#order;
    const rows = [...this.#table.rows];
    if (column === null) return rows;
    const compareText = new Intl.Collator("en", { numeric: true }).compare;
    // NaN is behind all numbers, in both orders.
    const compareValue = (a, b) =>
      Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : (isDown ? -1 : 1) * (a - b || 0);
    if (column === "value") return rows.sort((a, b) => compareValue(parseValue(a.value), parseValue(b.value)));
    if (column === "time") return rows.sort((a, b) => compareValue(a.time, b.time));
    return rows.sort((a, b) => (isDown ? -1 : 1) * compareText(a.metric[column] ?? "", b.metric[column] ?? ""));
  }

  #sort(column) {
    const isSame = this.#order.column === column;
    this.#order = { column, isDown: isSame ? !this.#order.isDown : column === "value" };
    this.draw();
    const label = column === "__name__" ? "metric" : column;
    [...this.node.querySelectorAll("th button")].find((button) => button.firstChild.textContent === label)?.focus();
  }

  #more() {
    this.#shown += PAGE;
    this.draw();
  }

  #save() {
    const { labels, common, rows } = this.#table;
    const all = [...common.map(([label]) => label), ...labels];
    const lines = [[...all, "time", "value"]];
    for (const row of rows) {
      const points = row.points ?? [[row.time, row.value]];
      for (const [time, value] of points) {
        lines.push([...all.map((label) => row.metric[label] ?? ""), new Date(time * 1000).toISOString(), value]);
      }
    }
    download("table.csv", "text/csv", lines.map((line) => line.map(csvField).join(",")).join("\r\n") + "\r\n");
  }
}
