// Reads the text format of Prometheus: what `/metrics` answers.

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Returns the samples by name: lists of `{ labels, value }`. Lines that are not understood are left out. */
export function parseExposition(text) {
  const metrics = new Map();
  for (const line of text.split("\n")) {
    if (line === "" || line[0] === "#") continue;
    const match = SAMPLE.exec(line);
    if (match === null) continue;
    const labels = {};
    for (const [, label, value] of (match[2] ?? "").matchAll(LABEL))
      labels[label] = value.replace(/\\(.)/g, (whole, one) => (one === "n" ? "\n" : one));
    const value = { "+Inf": Infinity, "-Inf": -Infinity }[match[3]] ?? Number(match[3]);
    if (!metrics.has(match[1])) metrics.set(match[1], []);
    metrics.get(match[1]).push({ labels, value });
  }
  return metrics;
}

/** Returns the sum of a metric's samples, or `null` without one. */
export function sumOf(metrics, name) {
  const samples = metrics.get(name);
  return samples === undefined ? null : samples.reduce((sum, sample) => sum + sample.value, 0);
}
