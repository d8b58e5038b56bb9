// Why a request has no answer.

/**
 * Error of a request. `kind` is one of
 * - "query": the query is wrong or cannot be evaluated; `place` may have its line and column,
 * - "timeout": the server or the page gave up waiting,
 * - "unreachable": there is no connection to the server,
 * - "unauthorized": the server wants a token,
 * - "cancelled": the user or a newer request ended it,
 * - "missing": the server has no such address,
 * - "server": the server failed.
 */
export class ApiError extends Error {
  constructor(kind, message, status = 0) {
    super(message);
    this.name = "ApiError";
    this.kind = kind;
    this.status = status;
    this.place = kind === "query" ? findPlace(message) : null;
  }
}

/** Returns line and column (in bytes, from 1) that a message of the parser names, or `null`. */
export function findPlace(message) {
  const match = /(?:^|[\s(])(\d+):(\d+): (?:parse error|parse warning)/.exec(message);
  return match === null ? null : { line: Number(match[1]), column: Number(match[2]) };
}

/** Returns the offset in a text, in UTF-16 units, of a place whose column counts bytes of UTF-8. */
export function placeToOffset(text, place) {
  const lines = text.split("\n");
  const line = lines[place.line - 1];
  if (line === undefined) return text.length;
  const start = lines.slice(0, place.line - 1).reduce((sum, before) => sum + before.length + 1, 0);
  let bytes = place.column - 1;
  let offset = 0;
  for (const character of line) {
    if (bytes <= 0) break;
    const code = character.codePointAt(0);
    bytes -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    offset += character.length;
  }
  return start + offset;
}

/** Creates the error of an answer that is no success. */
export function errorOfAnswer(status, body, text) {
  const type = body?.errorType;
  const message = body?.error ?? shortText(text) ?? "";
  if (status === 401) return new ApiError("unauthorized", message || "The server wants a token.", status);
  if (status === 403) return new ApiError("server", message || "The token does not permit this.", status);
  if (type === "timeout" || status === 504 || status === 408) {
    return new ApiError("timeout", message || "The query took too long.", status);
  }
  if (type === "canceled") return new ApiError("cancelled", message || "The query was cancelled.", status);
  if (status === 404 && type === undefined)
    return new ApiError("missing", message || "The server has no such address.", status);
  if (type === "bad_data" || type === "execution" || status === 400 || status === 422) {
    return new ApiError("query", message || "The server refused the query.", status);
  }
  if (status === 429 || status === 503) {
    return new ApiError("server", message || "The server is busy. Try again in a moment.", status);
  }
  if (status === 502) return new ApiError("unreachable", "The proxy cannot reach the server.", status);
  return new ApiError("server", `${message || "The server failed."} (status ${status})`, status);
}

function shortText(text) {
  if (text === undefined || /^\s*</.test(text)) return null;
  const line = text.trim().split("\n")[0] ?? "";
  return line === "" ? null : line.slice(0, 500);
}
