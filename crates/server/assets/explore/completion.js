// What may be written at a place of a query: the context of the place, and the names that fit it.

import { aboutMetric, equalMatcher, escapeString, quoteLabel, selectorOf } from "./catalog.js";
import { endsVector, significant, tokenize, unquote } from "./promql_lexer.js";
import {
  AGGREGATIONS,
  DURATIONS,
  FUNCTIONS,
  KEYWORD_NAMES,
  KEYWORDS_AFTER_VECTOR,
  LABEL_LIST_WORDS,
} from "./promql_words.js";

/** Items that a list shows at most. */
const MAX_ITEMS = 50;

/**
 * Returns what is at a place of a query: `{ kind, from, to, search, ... }`. `from` and `to` bound the text that a
 * completion replaces; `search` is its part before the place. Kinds are
 * - "expression": a metric, function or aggregation,
 * - "operator": a word that may follow a vector,
 * - "label": a label of `matchers`, in braces or (with `isList`) in parentheses,
 * - "value": a value of `label` with `matchers`,
 * - "duration": in brackets,
 * - "none": a comment or a number.
 */
export function completionContext(text, caret) {
  const tokens = tokenize(text);
  const inside = tokens.find((token) => token.start < caret && caret <= token.end);
  const list = significant(tokens);
  const before = list.filter((token) => token.end <= caret && token !== inside);
  const isWord = inside?.type === "word" || inside?.type === "number";
  const context = {
    from: isWord ? inside.start : caret,
    to: isWord ? inside.end : caret,
    search: isWord ? text.slice(inside.start, caret) : "",
  };
  if (inside?.type === "comment") return { ...context, kind: "none" };
  if (inside?.type === "string" && (caret < inside.end || inside.isOpen))
    return stringContext(text, caret, inside, before, list);
  // What ends at the caret and is no word is before it.
  const past = inside !== undefined && !isWord && inside.type !== "space" ? [...before, inside] : before;
  const open = openBracket(past);
  if (open?.token.text === "{") return braceContext(context, past, open, list);
  if (open?.token.text === "[") return { ...context, kind: "duration" };
  if (open?.token.text === "(" && LABEL_LIST_WORDS.has(past[open.at - 1]?.text)) {
    return { ...context, kind: "label", isList: true, matchers: matchersOfText(list) };
  }
  if (past.at(-1)?.text === "offset" && past.length > 1) return { ...context, kind: "duration" };
  if (inside?.type === "number") return { ...context, kind: "none" };
  return { ...context, kind: endsVector(past.at(-1)) && !isListWordCall(past) ? "operator" : "expression" };
}

/** `sum by (job) ` and `a + on (x) ` end with a parenthesis, and a vector follows. */
function isListWordCall(past) {
  if (past.at(-1)?.text !== ")") return isOperatorWord(past.at(-1)?.text) && past.length > 1;
  let depth = 0;
  for (let at = past.length - 1; at >= 0; at -= 1) {
    if (past[at].text === ")") depth += 1;
    if (past[at].text === "(") depth -= 1;
    if (depth === 0) return LABEL_LIST_WORDS.has(past[at - 1]?.text) && !isClosedCall(past, at - 2);
  }
  return false;
}

/** `sum(x) by (job)`: the word before `by` is the end of a call, so the list ends a vector. */
function isClosedCall(past, at) {
  return (
    past[at]?.text === ")" && LABEL_LIST_WORDS.has(past[at + 1]?.text) && ["by", "without"].includes(past[at + 1].text)
  );
}

function isOperatorWord(word) {
  return ["and", "or", "unless", "bool", "atan2", "group_left", "group_right"].includes(word);
}

/** Returns the innermost bracket that is open behind the tokens, with its index. */
function openBracket(tokens) {
  const open = [];
  tokens.forEach((token, at) => {
    if (token.type !== "bracket") return;
    if ("([{".includes(token.text)) open.push({ token, at });
    else open.pop();
  });
  return open.at(-1) ?? null;
}

function stringContext(text, caret, string, before, list) {
  const context = {
    from: string.start + 1,
    to: string.isOpen ? string.end : string.end - 1,
    search: unquote({ text: text.slice(string.start, caret), isOpen: true }),
    quote: string.text[0],
    isOpen: string.isOpen,
  };
  const open = openBracket(before);
  if (open?.token.text !== "{") return { ...context, kind: "none" };
  const operator = before.at(-1);
  const label = before.at(-2);
  if (operator?.type !== "operator" || label === undefined) return { ...context, kind: "none" };
  const name = label.type === "string" ? unquote(label) : label.text;
  return {
    ...context,
    kind: "value",
    label: name,
    isPattern: operator.text === "=~" || operator.text === "!~",
    matchers: matchersOfSelector(list, list.indexOf(open.token), string),
  };
}

function braceContext(context, past, open, list) {
  const last = past.at(-1);
  const matchers = matchersOfSelector(list, list.indexOf(open.token), null);
  if (last === open.token || last?.type === "comma") return { ...context, kind: "label", isList: false, matchers };
  if (last?.type === "operator" && context.search === "") {
    const label = past.at(-2);
    const name = label === undefined ? "" : label.type === "string" ? unquote(label) : label.text;
    return {
      ...context,
      kind: "value",
      label: name,
      quote: "",
      isOpen: true,
      matchers,
      isPattern: /~/.test(last.text),
    };
  }
  return { ...context, kind: "none" };
}

/**
 * Returns the matchers of the selector whose brace is at an index, as texts, without the one of the string `except`
 * and without those that are incomplete.
 */
function matchersOfSelector(list, brace, except) {
  const matchers = [];
  const metric = list[brace - 1];
  if (metric?.type === "word") matchers.push(equalMatcher("__name__", metric.text));
  for (let at = brace + 1; at < list.length && list[at].text !== "}"; at += 1) {
    const [label, operator, value] = [list[at], list[at + 1], list[at + 2]];
    const isLabel = label.type === "word" || label.type === "string";
    if (isLabel && operator?.type === "operator" && value?.type === "string") {
      if (value !== except && !value.isOpen) matchers.push(`${label.text}${operator.text}${value.text}`);
      at += 2;
    } else if (label.type === "string" && label !== except && !label.isOpen && operator?.type !== "operator") {
      matchers.push(equalMatcher("__name__", unquote(label)));
    }
  }
  return matchers;
}

/** Returns matchers for the first metric of a query, whose labels a list of labels probably means. */
function matchersOfText(list) {
  const isMetric = (token, at) =>
    token.type === "word" &&
    list[at + 1]?.text !== "(" &&
    !KEYWORD_NAMES.has(token.text) &&
    !isInLabels(list, at) &&
    !(["by", "without"].includes(list[at + 1]?.text) && list[at + 2]?.text === "(");
  const metrics = list.filter(isMetric).map((token) => token.text);
  return metrics.length === 0 ? [] : [equalMatcher("__name__", metrics[0])];
}

function isInLabels(list, at) {
  const open = openBracket(list.slice(0, at));
  if (open === null) return false;
  return open.token.text === "{" || open.token.text === "[" || LABEL_LIST_WORDS.has(list[open.at - 1]?.text);
}

/**
 * Returns how well a name fits a search, or -1: the beginning first, then the beginning of a part, then anywhere, then
 * the beginnings of parts in order (`nsm` and `noscm` fit `node_scrape_max`).
 */
export function score(name, search) {
  if (search === "") return 1;
  const text = name.toLowerCase();
  const wanted = search.toLowerCase();
  if (text === wanted) return 1000;
  const at = text.indexOf(wanted);
  if (at === 0) return 800 - Math.min(name.length, 200);
  if (at > 0) return (/[_:.\-/]/.test(text[at - 1]) ? 600 : 400) - Math.min(name.length, 200);
  return wanted.length <= 12 && isInitials(text, wanted) ? 200 - Math.min(name.length, 190) : -1;
}

/** Returns `true` if the letters follow each other, except that any may be the first of a later part of the name. */
function isInitials(text, wanted, from = 0, next = 0) {
  if (next === wanted.length) return true;
  if (next > 0 && text[from] === wanted[next] && isInitials(text, wanted, from + 1, next + 1)) return true;
  for (let at = from; at < text.length; at += 1) {
    const isFirst = at === 0 || /[_:.\-/]/.test(text[at - 1]);
    if (isFirst && text[at] === wanted[next] && isInitials(text, wanted, at + 1, next + 1)) return true;
  }
  return false;
}

/** Returns the best items of a list, best first. */
export function best(items, search, most = MAX_ITEMS) {
  const scored = [];
  for (const item of items) {
    const points = score(item.name, search);
    if (points >= 0) scored.push({ item, points: points + (item.bonus ?? 0) });
  }
  scored.sort((a, b) => b.points - a.points || (a.item.name < b.item.name ? -1 : 1));
  return scored.slice(0, most).map((one) => one.item);
}

/**
 * Returns items for a context: `{ name, kind, detail, insert, caret }`, where `insert` replaces the text of the
 * context and `caret` is the place of the caret in it.
 */
export async function completions(context, catalog, text) {
  switch (context.kind) {
    case "expression":
      return best(await expressionItems(catalog), context.search).map((item) => withCall(item, text, context.to));
    case "operator":
      return best(
        KEYWORDS_AFTER_VECTOR.map((word) => ({ ...word, kind: "keyword", detail: word.about })),
        context.search,
      );
    case "label":
      return labelItems(context, catalog, text);
    case "value":
      return valueItems(context, catalog);
    case "duration":
      return best(
        DURATIONS.map((name) => ({ name, kind: "duration", detail: "" })),
        context.search,
        DURATIONS.length,
      );
    default:
      return [];
  }
}

async function expressionItems(catalog) {
  const [metrics, metadata] = await Promise.all([
    catalog.metrics().catch(() => ({ names: [] })),
    catalog.metadata().catch(() => new Map()),
  ]);
  const items = metrics.names.map((name) => {
    const about = aboutMetric(metadata, name);
    return { name, kind: about?.type || "metric", detail: about?.help ?? "", insert: selectorOf(name) };
  });
  for (const [kind, words] of [
    ["aggregation", AGGREGATIONS],
    ["function", FUNCTIONS],
  ]) {
    // The server refuses experimental functions unless a feature is on, which no answer tells.
    const usual = words.filter((word) => !word.about.endsWith("(experimental)"));
    for (const { name, takes, about } of usual)
      items.push({ name, kind, takes, detail: `(${takes}) ${about}`, bonus: 60 });
  }
  return items;
}

/** Adds parentheses behind a function, with the caret between them. */
function withCall(item, text, to) {
  if (item.takes === undefined || text[to] === "(") return item;
  return { ...item, insert: `${item.name}()`, caret: item.takes === "" ? undefined : item.name.length + 1 };
}

async function labelItems(context, catalog, text) {
  const selector = context.matchers.length === 0 ? null : `{${context.matchers.join(",")}}`;
  let names = await catalog.labels(selector).catch(() => []);
  if (names.length === 0 && selector !== null) names = await catalog.labels().catch(() => []);
  const items = names.filter((name) => name !== "__name__").map((name) => ({ name, kind: "label", detail: "" }));
  const isBare = !context.isList && !/^\s*(=|!)/.test(text.slice(context.to));
  return best(items, context.search).map((item) => {
    const label = quoteLabel(item.name);
    // In braces the operator and quotes follow, with the caret between them.
    return isBare
      ? { ...item, insert: `${label}=""`, caret: label.length + 2, isOpening: true }
      : { ...item, insert: label };
  });
}

async function valueItems(context, catalog) {
  const { values, isCut } = await catalog
    .values(context.label, context.matchers, context.search)
    .catch(() => ({ values: [], isCut: false }));
  const quote = context.quote === "" ? '"' : context.quote;
  return best(
    values.map((name) => ({ name, kind: "value", detail: "" })),
    context.search,
  ).map((item) => {
    const inner = quote === '"' ? escapeString(item.name) : item.name;
    const before = context.quote === "" ? '"' : "";
    const after = context.isOpen ? quote : "";
    // The caret goes behind the closing quote, whether it was there or is added.
    const insert = `${before}${inner}${after}`;
    return { ...item, insert, caret: insert.length + (context.isOpen ? 0 : 1), isCut };
  });
}
