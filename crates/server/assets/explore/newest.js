// Finds the newest point of some metrics, when a range has none.

import { escapePattern, escapeString } from "./catalog.js";

/** Intervals of a round of the search. */
const INTERVALS = 1_000;

/**
 * Returns a time, in milliseconds, at or after the newest point of metrics and at most `precisionMs` (or a second) after
 * it; `null` if they have none between 1970 and tomorrow.
 *
 * Each round asks which of a thousand intervals have points, which the server answers from the summaries of its blocks.
 */
export async function findNewest(api, metrics, nowMs, precisionMs) {
  const selector = `{__name__=~"${escapeString(metrics.map(escapePattern).join("|"))}"}`;
  let end = Math.ceil(nowMs / 1000) + 86_400;
  let span = end;
  for (;;) {
    const step = Math.ceil(span / INTERVALS);
    // The interval of a step begins behind the step before it, and the last step is the end.
    const start = end - step * (Math.ceil(span / step) - 1);
    const query = `count(present_over_time(${selector}[${step}s]))`;
    const body = await api.api("query_range", { query, start, end, step }, { isPost: true });
    const newest = body.data.result[0]?.values.at(-1)?.[0];
    if (newest === undefined) return null;
    if (step === 1 || step * 1000 <= precisionMs) return newest * 1000;
    [end, span] = [newest, step];
  }
}
