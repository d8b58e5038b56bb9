// Durations as PromQL writes them: 90s, 1h30m, 250ms.

const UNITS = [
  ["y", 31_536_000_000],
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

/** Returns the milliseconds of a duration, or of a number of seconds; `null` if the text is neither. */
export function parseDuration(text) {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1000;
  const match = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(trimmed);
  if (match === null || trimmed === "") return null;
  return UNITS.reduce((sum, [, milliseconds], at) => sum + Number(match[at + 1] ?? 0) * milliseconds, 0);
}

/** Returns the text of a duration in milliseconds. It reads back as the same duration. */
export function formatDuration(milliseconds) {
  let rest = Math.round(milliseconds);
  if (rest === 0) return "0s";
  let text = "";
  for (const [unit, size] of UNITS) {
    // A year or a week is written only when it is a whole number of them.
    if ((unit === "y" || unit === "w") && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
