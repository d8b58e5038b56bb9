// Times as text, in local time or UTC.

import { parseDuration } from "./duration.js";

const two = (number) => String(number).padStart(2, "0");

/** Returns the parts of a time. */
export function timeParts(milliseconds, isUtc) {
  const date = new Date(milliseconds);
  return isUtc
    ? {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
        millisecond: date.getUTCMilliseconds(),
      }
    : {
        year: date.getFullYear(),
        month: date.getMonth() + 1,
        day: date.getDate(),
        hour: date.getHours(),
        minute: date.getMinutes(),
        second: date.getSeconds(),
        millisecond: date.getMilliseconds(),
      };
}

/** Returns a time as `2026-11-30 12:31:05`, with milliseconds if it has some. */
export function formatTime(milliseconds, isUtc) {
  const at = timeParts(milliseconds, isUtc);
  const fraction = at.millisecond === 0 ? "" : `.${String(at.millisecond).padStart(3, "0")}`;
  return `${at.year}-${two(at.month)}-${two(at.day)} ${two(at.hour)}:${two(at.minute)}:${two(at.second)}${fraction}`;
}

/** Returns the name of the time zone: `UTC`, or the browser's with its distance from UTC at a time. */
export function zoneName(isUtc, milliseconds = Date.now()) {
  if (isUtc) return "UTC";
  const minutes = -new Date(milliseconds).getTimezoneOffset();
  const size = Math.abs(minutes);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "local time";
  if (zone === "UTC") return "UTC";
  return `${zone}, UTC${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/**
 * Returns the labels of an axis: the time in the precision of the distance of its marks (in seconds), and in a second
 * line the day or year where it changes.
 */
export function axisLabels(seconds, distance, isUtc) {
  let last = "";
  return seconds.map((second) => {
    const at = timeParts(second * 1000, isUtc);
    const day = `${at.year}-${two(at.month)}-${two(at.day)}`;
    if (distance >= 86_400 * 360) return String(at.year);
    if (distance >= 86_400) {
      const year = String(at.year);
      const text = distance >= 86_400 * 28 ? `${year}-${two(at.month)}` : `${two(at.month)}-${two(at.day)}`;
      const line = distance >= 86_400 * 28 || year === last ? text : `${text}\n${year}`;
      last = year;
      return line;
    }
    let text = `${two(at.hour)}:${two(at.minute)}`;
    if (distance < 60) text += `:${two(at.second)}`;
    if (distance < 1) text += `.${String(at.millisecond).padStart(3, "0")}`;
    const line = day === last ? text : `${text}\n${day}`;
    last = day;
    return line;
  });
}

/**
 * Returns the milliseconds of a time that a user wrote: `2026-11-30`, `2026-11-30 12:31[:05[.5]]`, the same with `Z`
 * or a distance from UTC, `now`, `now-6h`, or seconds since 1970. Returns `null` if the text is none of these.
 */
export function parseTime(text, isUtc, nowMs) {
  const trimmed = text.trim();
  if (trimmed === "now") return nowMs;
  const relative = /^now\s*([-+])\s*(.+)$/.exec(trimmed);
  if (relative !== null) {
    const duration = parseDuration(relative[2]);
    if (duration === null) return null;
    return relative[1] === "-" ? nowMs - duration : nowMs + duration;
  }
  if (/^-?\d{5,}(\.\d+)?$/.test(trimmed)) return Math.round(Number(trimmed) * 1000);
  const match =
    /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[-+]\d{2}:?\d{2})?$/i.exec(
      trimmed,
    );
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return null;
  const millisecond = Math.floor(Number(`0.${match[7] ?? 0}`) * 1000);
  const zone = match[8];
  const date =
    zone === undefined && !isUtc
      ? new Date(year, month - 1, day, hour, minute, second, millisecond)
      : new Date(Date.UTC(year, month - 1, day, hour, minute, second, millisecond));
  if ((zone === undefined && !isUtc ? date.getDate() : date.getUTCDate()) !== day) return null;
  const distance = /^([-+])(\d{2}):?(\d{2})$/.exec(zone ?? "");
  if (distance === null) return date.getTime();
  const minutes = Number(distance[2]) * 60 + Number(distance[3]);
  return date.getTime() - (distance[1] === "-" ? -1 : 1) * minutes * 60_000;
}
