// The time range of all panels, and the step of their range queries.

import { formatDuration, parseDuration } from "./duration.js";

/** Greatest number of steps that a range query may have: the limit of the server is 11,000. */
export const MAX_POINTS = 11_000;

/** Ranges that the page offers. */
export const PRESETS = ["15m", "1h", "3h", "6h", "12h", "1d", "2d", "1w", "4w", "90d", "180d", "1y"];

const STEPS_S = [
  0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600,
  43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000,
];

/** Times of the server in milliseconds since 1970: the years 1677 to 2262. */
const FIRST_MS = -9_223_372_036_854;
const LAST_MS = 9_223_372_036_854;

/**
 * A time range: the newest `spanMs` until now, or `spanMs` until the time `endMs`.
 */
export class TimeRange {
  constructor(spanMs, endMs = null) {
    this.spanMs = Math.max(1, Math.min(spanMs, LAST_MS));
    this.endMs = endMs === null ? null : Math.max(FIRST_MS, Math.min(endMs, LAST_MS));
  }

  /** Creates the range between two times. */
  static between(startMs, endMs) {
    return new TimeRange(endMs - startMs, endMs);
  }

  /** Returns `true` if the range ends now. */
  get isLive() {
    return this.endMs === null;
  }

  /** Returns the first and last millisecond, given the time now. */
  bounds(nowMs) {
    const end = this.endMs ?? nowMs;
    return { startMs: Math.max(FIRST_MS, end - this.spanMs), endMs: end };
  }

  /** Returns the range moved by a part of its span. A range that would reach the future ends now. */
  shifted(part, nowMs) {
    const end = this.bounds(nowMs).endMs + part * this.spanMs;
    return new TimeRange(this.spanMs, end >= nowMs && this.isLive ? null : Math.round(end));
  }

  /** Returns the range with a span that is `factor` times as long, around the same middle. */
  zoomed(factor, nowMs) {
    const { startMs, endMs } = this.bounds(nowMs);
    const span = Math.max(10, Math.round(this.spanMs * factor));
    if (this.isLive) return new TimeRange(span);
    return new TimeRange(span, Math.round((startMs + endMs) / 2 + span / 2));
  }

  equals(other) {
    return this.spanMs === other.spanMs && this.endMs === other.endMs;
  }
}

/** Returns the step in seconds for a chart of some width: about one point per two pixels. */
export function automaticStep(spanMs, widthPixels) {
  const points = Math.max(100, Math.min(widthPixels / 2, MAX_POINTS - 1));
  const least = spanMs / 1000 / points;
  return STEPS_S.find((step) => step >= least) ?? Math.ceil(least);
}

/** Returns the shortest step in seconds that a span permits. */
export function leastStep(spanMs) {
  const least = spanMs / 1000 / (MAX_POINTS - 1);
  return STEPS_S.find((step) => step >= least) ?? Math.ceil(least);
}

/**
 * Returns start, end and step of a range query in seconds, or an error for the user.
 *
 * An automatic step moves start and end to whole steps, so that points keep their places from one refresh to the next.
 */
export function rangeQueryTimes(range, stepText, widthPixels, nowMs) {
  const { startMs, endMs } = range.bounds(nowMs);
  if (stepText === "") {
    const step = automaticStep(range.spanMs, widthPixels);
    const stepMs = Math.round(step * 1000);
    const start = Math.ceil(startMs / stepMs) * stepMs;
    const end = Math.floor(endMs / stepMs) * stepMs;
    return end > start
      ? { start: start / 1000, end: end / 1000, step }
      : { start: startMs / 1000, end: endMs / 1000, step };
  }
  const stepMs = parseDuration(stepText);
  if (stepMs === null || stepMs <= 0) return { error: `The step "${stepText}" is no duration. Examples: 15s, 1m, 1h.` };
  if (range.spanMs / stepMs > MAX_POINTS - 1) {
    const least = formatDuration(leastStep(range.spanMs) * 1000);
    return {
      error: `The step ${stepText} gives more than 11,000 points. The shortest step of this range is ${least}.`,
    };
  }
  return { start: startMs / 1000, end: endMs / 1000, step: stepMs / 1000 };
}
