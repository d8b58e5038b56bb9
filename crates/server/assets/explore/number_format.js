// Numbers as text.

const LARGE = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Returns a number in a short form for axes and legends: 1.5k, 0.25, 3e-9. */
export function formatShort(value) {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e15 || size < 1e-5) return trimZeros(value.toExponential(3));
  for (const [least, suffix] of LARGE) {
    if (size >= least) return trimZeros((value / least).toPrecision(4)) + suffix;
  }
  return trimZeros(value.toPrecision(4));
}

/** Returns the labels of an axis, with as many digits as keep them apart. */
export function formatTicks(values) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value ?? 0)), 0);
  const distance = values.length > 1 ? Math.abs(values[1] - values[0]) : largest;
  if (largest >= 1e15 || (largest > 0 && largest < 1e-5)) return values.map((value) => formatShort(value));
  const [divisor, suffix] = LARGE.find(([least]) => largest >= least) ?? [1, ""];
  const decimals = distance > 0 ? Math.max(0, Math.min(12, -Math.floor(Math.log10(distance / divisor) + 1e-9))) : 0;
  return values.map((value) => (value === 0 ? "0" : (value / divisor).toFixed(decimals) + suffix));
}

function trimZeros(text) {
  const [digits, exponent] = text.split("e");
  const short = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
  return exponent === undefined ? short : `${short}e${exponent}`;
}

/** Returns a number of bytes with a binary unit: 1.5 MiB. */
export function formatBytes(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let at = 0;
  while (Math.abs(value) >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 ? value : trimZeros(value.toPrecision(3))} ${units[at]}`;
}

/** Returns a whole number with separators. */
export function formatCount(count) {
  return count.toLocaleString("en-US");
}

/** Returns a count with its noun: "1 series", "2 points". */
export function counted(count, one, many) {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
