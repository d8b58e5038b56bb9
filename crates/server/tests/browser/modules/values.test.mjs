// Durations, times, numbers, states and results, as the page reads and writes them.

import assert from "node:assert/strict";
import { test } from "node:test";

const { errorOfAnswer, findPlace, placeToOffset } = await import("../../../assets/explore/api_error.js");
const { formatDuration, parseDuration } = await import("../../../assets/explore/duration.js");
const { parseExposition, sumOf } = await import("../../../assets/explore/exposition.js");
const { formatBytes, formatShort, formatTicks } = await import("../../../assets/explore/number_format.js");
const { classify, tokenize } = await import("../../../assets/explore/promql_lexer.js");
const { alignMatrix, csvField, seriesName, tableOf } = await import("../../../assets/explore/series.js");
const { axisLabels, formatTime, parseTime } = await import("../../../assets/explore/time_format.js");
const { TimeRange, automaticStep, rangeQueryTimes } = await import("../../../assets/explore/time_range.js");
const { stateFromHash, stateToHash } = await import("../../../assets/explore/url_state.js");

test("durations read back", () => {
  for (const text of ["15s", "1m", "1h30m", "250ms", "1d", "1w", "1y", "90d"]) {
    assert.equal(parseDuration(formatDuration(parseDuration(text))), parseDuration(text), text);
  }
  assert.equal(parseDuration("60"), 60_000);
  for (const text of ["", "x", "m5", "1s1m"]) assert.equal(parseDuration(text), null, text);
});

test("times are understood in UTC, with a zone, relative and in seconds", () => {
  const noon = Date.UTC(2026, 10, 30, 12);
  assert.equal(parseTime("2026-11-30 12:00", true, 0), noon);
  assert.equal(parseTime("2026-11-30T12:00:00.250Z", false, 0), noon + 250);
  assert.equal(parseTime("2026-11-30 14:00+02:00", false, 0), noon);
  assert.equal(parseTime("now-1h30m", true, noon), noon - 5_400_000);
  assert.equal(parseTime("1796040000", true, 0), 1_796_040_000_000);
  for (const text of ["", "yesterday", "2026-13-01", "2026-02-30", "now-", "2026-11-30 25:00"])
    assert.equal(parseTime(text, true, 0), null, text);
  assert.equal(parseTime(formatTime(noon + 1, false), false, 0), noon + 1);
});

test("an axis shows the day where it changes", () => {
  const start = Date.UTC(2026, 10, 30, 22) / 1000;
  assert.deepEqual(axisLabels([start, start + 3600, start + 7200], 3600, true), [
    "22:00\n2026-11-30",
    "23:00",
    "00:00\n2026-12-01",
  ]);
});

test("no range and step give more than 11,000 points", () => {
  for (const span of [900_000, 86_400_000, 31_536_000_000, 9e12]) {
    for (const width of [100, 800, 100_000]) assert.ok(span / 1000 / automaticStep(span, width) < 11_000);
  }
  assert.match(rangeQueryTimes(new TimeRange(31_536_000_000), "1s", 800, 0).error, /11,000 points.*1h/);
  assert.match(rangeQueryTimes(new TimeRange(3_600_000), "soon", 800, 0).error, /no duration/);
  const times = rangeQueryTimes(new TimeRange(3_600_000, 1_796_043_601_234), "", 800, 0);
  assert.deepEqual([times.start % times.step, times.end % times.step, times.step], [0, 0, 10]);
});

test("a live range follows the present, and a later one ends there", () => {
  const range = new TimeRange(1000);
  assert.deepEqual(range.bounds(5000), { startMs: 4000, endMs: 5000 });
  assert.equal(range.shifted(-1, 5000).endMs, 4000);
  assert.deepEqual(TimeRange.between(1000, 2000).zoomed(2, 5000).bounds(0), { startMs: 500, endMs: 2500 });
});

test("the address keeps the state", () => {
  const hash =
    "range=1h&end=2026-11-30T12%3A00%3A00.000Z&step=15s&zone=utc&refresh=5s&q=up+%2B+1&view=table&q=&view=graph";
  assert.equal(stateToHash(stateFromHash(hash)), hash);
  const wrong = stateFromHash("#range=x&end=y&step=z&refresh=1ms&view=pie&q=a");
  assert.equal(stateToHash(wrong), "range=1h&q=a&view=graph");
});

test("numbers are short, and marks of an axis differ", () => {
  assert.deepEqual([0, 1234, 0.25, 1e-9, 2.5e16, -1500000].map(formatShort), [
    "0",
    "1.234k",
    "0.25",
    "1e-9",
    "2.5e+16",
    "-1.5M",
  ]);
  assert.deepEqual(formatTicks([1000.1, 1000.2]), ["1.0001k", "1.0002k"]);
  assert.deepEqual(formatTicks([0, 0.5, 1]), ["0", "0.5", "1.0"]);
  assert.deepEqual([formatBytes(512), formatBytes(1536), formatBytes(3 * 2 ** 30)], ["512 bytes", "1.5 KiB", "3 GiB"]);
});

test("the place of an error counts bytes", () => {
  assert.deepEqual(findPlace('invalid parameter "query": 1:7: parse error: x'), { line: 1, column: 7 });
  assert.deepEqual(findPlace("2:9: parse error: x"), { line: 2, column: 9 });
  assert.equal(findPlace("execution: many"), null);
  assert.equal(placeToOffset("a +\n b", { line: 2, column: 2 }), 5);
  assert.equal(placeToOffset('{"é𝄞"} + x', { line: 1, column: 11 }), 7);
  assert.equal(placeToOffset("ab", { line: 1, column: 99 }), 2);
});

test("answers of servers and proxies become errors of a kind", () => {
  const kind = (status, body, text = "") => errorOfAnswer(status, body, text).kind;
  assert.equal(kind(400, { errorType: "bad_data", error: "x" }), "query");
  assert.equal(kind(422, { errorType: "execution", error: "x" }), "query");
  assert.equal(kind(503, { errorType: "timeout", error: "x" }), "timeout");
  assert.equal(kind(504, null, "<html>"), "timeout");
  assert.equal(kind(502, null, "<html>"), "unreachable");
  assert.equal(kind(401, null), "unauthorized");
  assert.equal(kind(404, null), "missing");
  assert.equal(errorOfAnswer(500, null, "<html>").message, "The server failed. (status 500)");
});

test("series of different times are laid on common steps", () => {
  const matrix = [
    {
      metric: { __name__: "up", job: 'a"b' },
      values: [
        [100, "1"],
        [120, "+Inf"],
      ],
    },
    { metric: {}, values: [[110, "2"]] },
    { metric: { x: "1" }, values: [[110, "3"]] },
  ];
  const data = alignMatrix(matrix, { start: 100, end: 120, step: 10 }, 2);
  assert.deepEqual(data.columns, [
    [1, null, null],
    [null, 2, null],
  ]);
  assert.deepEqual([data.times, data.points, data.notFinite], [[100, 110, 120], 4, 1]);
  assert.deepEqual(data.names, ['up{job="a\\"b"}', "{}"]);
  assert.equal(seriesName({ __name__: "net.bytes", a: "1" }), '{"net.bytes", a="1"}');
});

test("a table leaves out the labels that all rows share", () => {
  const result = ["a", "b"].map((instance) => ({ metric: { __name__: "up", job: "x", instance }, value: [1, "1"] }));
  const table = tableOf({ resultType: "vector", result });
  assert.deepEqual(
    [table.labels, table.common],
    [
      ["instance"],
      [
        ["__name__", "up"],
        ["job", "x"],
      ],
    ],
  );
  assert.deepEqual(tableOf({ resultType: "vector", result: result.slice(1) }).labels, ["__name__", "instance", "job"]);
  assert.equal(tableOf({ resultType: "scalar", result: [1, "2"] }).rows[0].value, "2");
  assert.equal(csvField('a "b", c'), '"a ""b"", c"');
  // A spreadsheet must not take a label for a formula.
  assert.equal(csvField("=1+1"), "'=1+1");
  assert.equal(csvField("-5"), "-5");
});

test("any text has tokens without gaps", () => {
  for (const text of [
    'sum by (a) (rate(x{b="c\\"", d=~`e`}[5m])) # f',
    'é{}\u0000"open',
    "",
    "'a\\",
    "1h30m + 0x1F .5e3",
  ]) {
    assert.equal(
      tokenize(text)
        .map((token) => token.text)
        .join(""),
      text,
    );
  }
  assert.deepEqual(
    classify("vector(NaN)").map((token) => token.className),
    ["function", "", "number", ""],
  );
  const classes = classify('sum by (job) (up{a="b"})')
    .filter((token) => token.className !== "")
    .map((token) => [token.text, token.className]);
  assert.deepEqual(classes, [
    ["sum", "function"],
    ["by", "keyword"],
    ["job", "label"],
    ["up", "metric"],
    ["a", "label"],
    ["=", "operator"],
    ['"b"', "string"],
  ]);
});

test("metrics of the server are read", () => {
  const metrics = parseExposition('# HELP x y\nx{a="b\\"",c="d"} 1\nx 2.5\ny +Inf\nnonsense\n');
  assert.equal(sumOf(metrics, "x"), 3.5);
  assert.deepEqual(metrics.get("x")[0].labels, { a: 'b"', c: "d" });
  assert.equal(sumOf(metrics, "y"), Infinity);
  assert.equal(sumOf(metrics, "z"), null);
});
