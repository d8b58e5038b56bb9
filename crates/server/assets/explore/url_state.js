// The state of the page in its address, behind `#`, so that links can be shared and no server logs queries.

import { formatDuration, parseDuration } from "./duration.js";
import { TimeRange } from "./time_range.js";

/** Queries of a page, at most. */
export const MAX_PANELS = 20;

/**
 * State of the page: `panels` (`{ query, view }`, view is "graph" or "table"), `range`, `step` (a duration, or empty
 * if automatic), `isUtc`, `refreshMs` (0: never).
 */
export function defaultState() {
  return {
    panels: [{ query: "", view: "graph" }],
    range: new TimeRange(3_600_000),
    step: "",
    isUtc: false,
    refreshMs: 0,
  };
}

/** Returns the text of a state, without `#`. */
export function stateToHash(state) {
  const search = new URLSearchParams();
  search.set("range", formatDuration(state.range.spanMs));
  if (!state.range.isLive) search.set("end", new Date(state.range.endMs).toISOString());
  if (state.step !== "") search.set("step", state.step);
  if (state.isUtc) search.set("zone", "utc");
  if (state.refreshMs > 0) search.set("refresh", formatDuration(state.refreshMs));
  for (const panel of state.panels) {
    search.append("q", panel.query);
    search.append("view", panel.view);
  }
  return search.toString();
}

/** Returns the state of a text. What is missing or invalid has its default. */
export function stateFromHash(hash) {
  const search = new URLSearchParams(hash.replace(/^#/, ""));
  const state = defaultState();
  const span = parseDuration(search.get("range") ?? "");
  const end = Date.parse(search.get("end") ?? "");
  if (span !== null && span > 0) state.range = new TimeRange(span, Number.isNaN(end) ? null : end);
  const step = search.get("step") ?? "";
  if ((parseDuration(step) ?? 0) > 0) state.step = step;
  state.isUtc = search.get("zone") === "utc";
  const refresh = parseDuration(search.get("refresh") ?? "");
  // Less than a second would load the server for nothing.
  if (refresh !== null && refresh >= 1000) state.refreshMs = refresh;
  const views = search.getAll("view");
  const queries = search.getAll("q").slice(0, MAX_PANELS);
  if (queries.length > 0) {
    state.panels = queries.map((query, at) => ({ query, view: views[at] === "table" ? "table" : "graph" }));
  }
  return state;
}
