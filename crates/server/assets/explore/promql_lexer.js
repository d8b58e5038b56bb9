// Splits PromQL into tokens, for colours and completion. It accepts any text: errors are found by the server.

import { CALL_NAMES, KEYWORD_NAMES, LABEL_LIST_WORDS } from "./promql_words.js";

const PATTERNS = [
  ["space", /\s+/y],
  ["comment", /#[^\n]*/y],
  ["string", /"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|`[^`]*`?/y],
  [
    "number",
    /(?:0[xX][0-9a-fA-F_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?:ms|[smhdwy])?(?:\d+(?:ms|[smhdwy]))*)/y,
  ],
  ["word", /[a-zA-Z_:][a-zA-Z0-9_:]*/y],
  ["operator", /=~|!~|==|!=|<=|>=|<\/|>\/|[-+*/%^=<>@]/y],
  ["bracket", /[(){}[\]]/y],
  ["comma", /,/y],
];

/**
 * Returns the tokens of a text: `{ type, start, end, text }` without gaps. Types are those above and "other". A
 * string that does not end has `isOpen`.
 */
export function tokenize(text) {
  const tokens = [];
  let at = 0;
  while (at < text.length) {
    let token = null;
    for (const [type, pattern] of PATTERNS) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (match !== null && match[0] !== "") {
        token = { type, start: at, end: at + match[0].length, text: match[0] };
        break;
      }
    }
    token ??= { type: "other", start: at, end: at + 1, text: text[at] };
    if (token.type === "string") token.isOpen = token.text.length < 2 || !endsString(token.text);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

function endsString(text) {
  if (!text.endsWith(text[0])) return false;
  if (text[0] === "`") return true;
  // An odd number of backslashes before the last quote makes it a part of the string.
  let backslashes = 0;
  for (let at = text.length - 2; at > 0 && text[at] === "\\"; at -= 1) backslashes += 1;
  return backslashes % 2 === 0;
}

/** Returns the tokens that mean something: neither space nor comment. */
export function significant(tokens) {
  return tokens.filter((token) => token.type !== "space" && token.type !== "comment");
}

/** Returns the text of a string token without quotes and escapes. */
export function unquote(token) {
  const quote = token.text[0];
  const inner = token.text.slice(1, token.isOpen ? undefined : -1);
  if (quote === "`") return inner;
  return inner.replace(/\\(u\{?[0-9a-fA-F]{4}\}?|x[0-9a-fA-F]{2}|.)/g, (whole, escape) => {
    if (escape.length > 1) return String.fromCharCode(parseInt(escape.replace(/[ux{}]/g, ""), 16));
    return { n: "\n", t: "\t", r: "\r" }[escape] ?? escape;
  });
}

/**
 * Returns the tokens with a class for colours: "function", "keyword", "metric", "label", "string", "number",
 * "operator", "comment" or "".
 */
export function classify(text) {
  const tokens = tokenize(text);
  const meaningful = significant(tokens);
  const open = [];
  meaningful.forEach((token, at) => {
    const next = meaningful[at + 1];
    if (token.type === "word") token.className = classOfWord(token, meaningful[at - 1], next, open.at(-1));
    if (token.type === "bracket" && "([{".includes(token.text)) {
      const isLabels = token.text === "{" || (token.text === "(" && LABEL_LIST_WORDS.has(meaningful[at - 1]?.text));
      open.push(isLabels ? "labels" : token.text);
    } else if (token.type === "bracket") open.pop();
  });
  for (const token of tokens) {
    if (["string", "number", "operator", "comment"].includes(token.type)) token.className = token.type;
    token.className ??= "";
  }
  return tokens;
}

function classOfWord(token, before, next, open) {
  if (open === "labels") return "label";
  if (/^(inf|nan)$/i.test(token.text)) return "number";
  const isCall = next?.text === "(";
  if (LABEL_LIST_WORDS.has(token.text) && (isCall || endsVector(before))) return "keyword";
  if (CALL_NAMES.has(token.text) && (isCall || next?.text === "by" || next?.text === "without")) return "function";
  if (KEYWORD_NAMES.has(token.text.toLowerCase()) && (endsVector(before) || isCall || before?.type === "operator"))
    return "keyword";
  return "metric";
}

/** Returns `true` if a vector may end with the token. */
export function endsVector(token) {
  if (token === undefined) return false;
  if (token.type === "bracket") return ")}]".includes(token.text);
  return ["word", "number", "string"].includes(token.type);
}
