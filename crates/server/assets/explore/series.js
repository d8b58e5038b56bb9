// Results of queries as columns for charts and rows for tables.

import { equalMatcher, selectorOf } from "./catalog.js";

/** Returns the text of a label set as PromQL writes it: `up{job="node"}`. */
export function seriesName(metric) {
  const { __name__: name = "", ...labels } = metric;
  const pairs = Object.entries(labels).map(([label, value]) => equalMatcher(label, value));
  return pairs.length === 0 && name === "" ? "{}" : name === "" ? `{${pairs.join(", ")}}` : selectorOf(name, pairs);
}

/** Returns the number of a value's text: `+Inf`, `-Inf` and `NaN` are numbers, too. */
export function parseValue(text) {
  if (text === "+Inf" || text === "Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

/**
 * Lays the series of a range query on common steps.
 *
 * Returns `{ times, columns, names, metrics, points, notFinite }`: times in seconds, a column of numbers and nulls for
 * each of the first `most` series, and how many points there are and are not finite (and cannot be drawn).
 */
export function alignMatrix(matrix, times, most) {
  const { start, end, step } = times;
  const length = Math.max(1, Math.floor((end - start) / step + 1e-6) + 1);
  const steps = Array.from({ length }, (_, at) => start + at * step);
  let points = 0;
  let notFinite = 0;
  const columns = [];
  for (const [number, series] of matrix.entries()) {
    const values = series.values ?? [];
    points += values.length;
    if (number >= most) continue;
    const column = new Array(length).fill(null);
    for (const [time, text] of values) {
      const value = parseValue(text);
      const at = Math.round((time - start) / step);
      if (!Number.isFinite(value)) notFinite += 1;
      else if (at >= 0 && at < length) column[at] = value;
    }
    columns.push(column);
  }
  const metrics = matrix.slice(0, most).map((series) => series.metric ?? {});
  return { times: steps, columns, metrics, names: metrics.map(seriesName), points, notFinite };
}

/**
 * Returns the rows of a result of an instant query: `{ labels, common, rows, kind }`. `labels` are those that differ
 * between rows, `common` those with one value in all rows. A row has its metric, time (seconds), value (text) and, for
 * a range of points, all of them.
 */
export function tableOf(data) {
  if (data.resultType === "scalar" || data.resultType === "string") {
    const [time, value] = data.result;
    return { kind: data.resultType, labels: [], common: [], rows: [{ metric: {}, time, value, points: null }] };
  }
  const rows = data.result.map((series) => {
    const points = series.values ?? null;
    const [time, value] = points === null ? series.value : (points.at(-1) ?? [null, ""]);
    return { metric: series.metric ?? {}, time, value, points };
  });
  const values = new Map();
  for (const { metric } of rows) {
    for (const label of Object.keys(metric)) {
      if (!values.has(label)) values.set(label, { first: metric[label], count: 0, isCommon: true });
      const seen = values.get(label);
      seen.count += 1;
      if (metric[label] !== seen.first) seen.isCommon = false;
    }
  }
  const isCommon = (label) => rows.length > 1 && values.get(label).isCommon && values.get(label).count === rows.length;
  const names = [...values.keys()].sort(
    (a, b) => Number(b === "__name__") - Number(a === "__name__") || (a < b ? -1 : 1),
  );
  return {
    kind: data.resultType,
    labels: names.filter((label) => !isCommon(label)),
    common: names.filter(isCommon).map((label) => [label, values.get(label).first]),
    rows,
  };
}

/** Returns a field of a CSV file. A text that a spreadsheet would take for a formula gets an apostrophe in front. */
export function csvField(text) {
  const isFormula = /^[=+\-@\t]/.test(text) && !/^[-+]?(\d|Inf|\.\d)/.test(text);
  const field = isFormula ? `'${text}` : String(text);
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
