// What completion offers at a place of a query. The place is marked by `|`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { best, completionContext, completions, score } from "../../../assets/explore/completion.js";

function at(marked) {
  const caret = marked.indexOf("|");
  return completionContext(marked.replace("|", ""), caret);
}

const kinds = (list) => list.map((marked) => [marked, at(marked).kind]);

test("a query begins with an expression, and so does an argument or the right side of an operator", () => {
  const places = [
    "|",
    "ra|",
    "sum(|",
    "sum(up) / |",
    "a and |",
    "a / on (x) group_left |",
    "sum by (job) (|",
    "sum by (job) |",
    "-|",
    "topk(3, |",
    "a > bool |",
  ];
  assert.deepEqual(
    kinds(places),
    places.map((place) => [place, "expression"]),
  );
});

test("operators follow a vector", () => {
  const places = ["up |", "up b|", "sum(up) |", 'up{job="a"} |', "sum(x) by (job) |", "rate(x[5m]) o|"];
  assert.deepEqual(
    kinds(places),
    places.map((place) => [place, "operator"]),
  );
});

test("durations stand in brackets and behind offset", () => {
  const places = ["rate(up[|", "rate(up[5|", "up offset |", "up offset 5|"];
  assert.deepEqual(
    kinds(places),
    places.map((place) => [place, "duration"]),
  );
});

test("labels stand in braces and in lists, with the metric they belong to", () => {
  assert.deepEqual(at("up{|").matchers, ['__name__="up"']);
  assert.equal(at("up{jo|").search, "jo");
  assert.equal(at("up{jo|b").to, 6);
  assert.deepEqual(at('up{job="a",|}').matchers, ['__name__="up"', 'job="a"']);
  const list = at("sum by (|) (rate(http_requests[5m]))");
  assert.deepEqual([list.kind, list.isList, list.matchers], ["label", true, ['__name__="http_requests"']]);
  assert.equal(at("a * on (|").kind, "label");
});

test("values know their label, and the other matchers of their selector", () => {
  const value = at('up{job=~"x",instance="loc|"} + y');
  assert.deepEqual([value.kind, value.label, value.search], ["value", "instance", "loc"]);
  assert.deepEqual(value.matchers, ['__name__="up"', 'job=~"x"']);
  assert.equal(at("up{job=|").kind, "value");
  assert.equal(at('up{job="|').isOpen, true);
  assert.equal(at('{"a.b", "c d"="|"}').label, "c d");
  assert.deepEqual(at('{"a.b", c="|"}').matchers, ['__name__="a.b"']);
});

test("there is nothing to complete in comments, numbers and other strings", () => {
  const places = ["up # no|", "12|", 'label_replace(up, "a|")'];
  assert.deepEqual(
    kinds(places),
    places.map((place) => [place, "none"]),
  );
});

test("the beginning of a name fits better than its middle, and scattered letters do not fit", () => {
  assert.ok(score("rate", "ra") > score("up_rate", "ra"));
  assert.ok(score("up_rate", "ra") > score("generate", "ra"));
  assert.ok(score("node_scrape_max", "nsm") > 0);
  assert.equal(score("abc", "x"), -1);
  assert.deepEqual(
    best([{ name: "b" }, { name: "ab" }, { name: "c" }], "b").map((item) => item.name),
    ["b", "ab"],
  );
});

const catalog = {
  metrics: async () => ({ names: ["up", "net.bytes", "requests_total"], isCut: false }),
  metadata: async () => new Map([["up", { type: "gauge", help: "is up" }]]),
  labels: async () => ["__name__", "job", "a b"],
  values: async () => ({ values: ['say "hi"', "node"], isCut: false }),
};

async function inserts(marked) {
  const text = marked.replace("|", "");
  const items = await completions(at(marked), catalog, text);
  return items.map((item) => [item.name, item.insert ?? item.name, item.caret]);
}

test("what is inserted is valid PromQL", async () => {
  assert.deepEqual(await inserts("net|"), [["net.bytes", '{"net.bytes"}', undefined]]);
  assert.deepEqual((await inserts("rat|"))[0], ["rate", "rate()", 5]);
  assert.deepEqual((await inserts("rat|(x[5m])"))[0], ["rate", "rate", undefined]);
  assert.deepEqual(await inserts("up{a|"), [["a b", '"a b"=""', 7]]);
  assert.deepEqual(await inserts("sum by (jo|)(up)"), [["job", "job", undefined]]);
  assert.deepEqual(await inserts('up{job="hi|"}'), [['say "hi"', 'say \\"hi\\"', 11]]);
  assert.deepEqual(await inserts('up{job="no|'), [["node", 'node"', 5]]);
  assert.deepEqual(await inserts("up{job=|}"), [
    ["node", '"node"', 6],
    ['say "hi"', '"say \\"hi\\""', 12],
  ]);
});
