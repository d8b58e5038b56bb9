// Requests to the server.

import { ApiError, errorOfAnswer } from "./api_error.js";

/** Address of the database: the folder of the page, such as `/` or `/db/weather/`. */
const BASE = new URL("../", import.meta.url);

/** Milliseconds after which the page gives up. Longer than the server's own limit for a query, whose message is better. */
const TIMEOUT_MS = 150_000;

/** Sends requests and reads their answers. */
export class Api {
  #tokens;
  #onconnection;

  /**
   * `tokens` knows the token and asks for one. `onconnection` is called with `true` after an answer and with `false`
   * if there is none.
   */
  constructor(tokens, onconnection) {
    this.#tokens = tokens;
    this.#onconnection = onconnection;
  }

  /**
   * Returns the whole answer (`data`, `warnings`, `infos`) of `api/v1/PATH`. `isPost` puts the parameters into the
   * body, where their length has no limit.
   */
  async api(path, parameters = {}, options = {}) {
    const pairs = Object.entries(parameters).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)]),
    );
    const search = new URLSearchParams(pairs);
    const url = new URL(`api/v1/${path}`, BASE);
    const request = { method: options.isPost ? "POST" : "GET", headers: { Accept: "application/json" } };
    if (options.isPost) request.body = search;
    else url.search = search.toString();
    const { response, text } = await this.#send(url, request, options);
    let body = null;
    try {
      body = JSON.parse(text);
    } catch {
      // Handled below: the answer of a proxy, or none of this interface.
    }
    if (!response.ok || body?.status !== "success") {
      if (response.ok)
        throw new ApiError("server", "The answer is not one of Prometheus' HTTP interface.", response.status);
      throw errorOfAnswer(response.status, body, text);
    }
    return body;
  }

  /**
   * Returns the status and text of an address of the whole server, such as `metrics`: below the base, or above
   * `db/NAME/`.
   */
  async text(path, options = {}) {
    let last = null;
    for (const root of serverRoots(BASE)) {
      last = await this.#send(new URL(path, root), { method: "GET", headers: {} }, options);
      if (last.response.status !== 404) break;
    }
    return { status: last.response.status, text: last.text };
  }

  async #send(url, request, options) {
    for (;;) {
      const token = this.#tokens.current;
      if (token !== null) request.headers.Authorization = `Bearer ${token}`;
      const answer = await this.#attempt(url, request, options.signal);
      if (answer.response.status !== 401) return answer;
      if (!(await this.#tokens.renew(token, options.isBackground === true))) {
        throw errorOfAnswer(401, parseOrNull(answer.text), answer.text);
      }
    }
  }

  async #attempt(url, request, signal) {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signals = signal === undefined ? [timeout] : [timeout, signal];
    try {
      const response = await fetch(url, { ...request, signal: AbortSignal.any(signals), credentials: "same-origin" });
      const text = await response.text();
      this.#onconnection(true);
      return { response, text };
    } catch {
      if (signal?.aborted) throw new ApiError("cancelled", "The request was cancelled.");
      if (timeout.aborted) throw new ApiError("timeout", `The server did not answer within ${TIMEOUT_MS / 1000} s.`);
      this.#onconnection(false);
      throw new ApiError("unreachable", `The server at ${BASE.host} cannot be reached.`);
    }
  }
}

/** Returns the addresses that may have what belongs to the whole server: the base, and what is above `db/NAME/`. */
export function serverRoots(base) {
  const above = base.pathname.replace(/\/db\/[^/]+\/$/, "/");
  return above === base.pathname ? [base] : [base, new URL(above, base)];
}

function parseOrNull(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
