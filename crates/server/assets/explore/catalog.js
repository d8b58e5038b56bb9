// What the database has: metrics, their metadata, labels and values of labels.

/** Greatest number of names that the page asks for at once. */
const MAX_NAMES = 200_000;

/** Greatest number of values of a label; beyond that a search asks the server. */
const MAX_VALUES = 2_000;

/** Milliseconds for which an answer is used again. */
const FRESH_MS = 60_000;

/** Answers that are kept, at most. */
const MAX_ANSWERS = 200;

/** Lists of the database, kept for a minute. */
export class Catalog {
  #api;
  #answers = new Map();

  constructor(api) {
    this.#api = api;
  }

  /** Forgets all answers. */
  clear() {
    this.#answers.clear();
  }

  /** Returns the names of the metrics that matchers select, and whether the server left some out: `{ names, isCut }`. */
  metrics(matchers = []) {
    const parameters = { limit: MAX_NAMES };
    if (matchers.length > 0) parameters["match[]"] = `{${matchers.join(",")}}`;
    return this.#once(`metrics ${matchers}`, async () => {
      const body = await this.#api.api("label/__name__/values", parameters);
      return { names: body.data, isCut: isCut(body, MAX_NAMES) };
    });
  }

  /** Returns kind, unit and description by metric. A server without metadata has none. */
  metadata() {
    return this.#once("metadata", async () => {
      const body = await this.#api.api("metadata", { limit: MAX_NAMES, limit_per_metric: 1 });
      return new Map(Object.entries(body.data).map(([name, list]) => [name, list[0] ?? {}]));
    });
  }

  /** Returns the names of labels of the series that a selector matches, or of all series. */
  labels(selector = null) {
    return this.#once(`labels ${selector}`, async () => {
      const parameters = { limit: MAX_NAMES };
      if (selector !== null) parameters["match[]"] = selector;
      const body = await this.#api.api("labels", parameters);
      return body.data;
    });
  }

  /**
   * Returns values of a label of the series that matchers select: `{ values, isCut }`. If there are too many, only
   * those that contain `search`.
   */
  async values(label, matchers = [], search = "") {
    const all = await this.#values(label, matchers);
    if (!all.isCut || search === "") return all;
    return this.#values(label, [...matchers, `${quoteLabel(label)}=~"(?i).*${escapeString(escapePattern(search))}.*"`]);
  }

  #values(label, matchers) {
    const selector = matchers.length === 0 ? null : `{${matchers.join(",")}}`;
    return this.#once(`values ${label} ${selector}`, async () => {
      const parameters = { limit: MAX_VALUES };
      if (selector !== null) parameters["match[]"] = selector;
      const body = await this.#api.api(`label/${pathLabel(label)}/values`, parameters);
      const values = body.data;
      // A server without limits sends everything: what is beyond the limit is searched there, too.
      return { values: values.slice(0, MAX_VALUES), isCut: isCut(body, MAX_VALUES) };
    });
  }

  #once(key, ask) {
    const known = this.#answers.get(key);
    if (known !== undefined && Date.now() - known.at < FRESH_MS) return known.answer;
    const answer = ask();
    this.#answers.delete(key);
    this.#answers.set(key, { at: Date.now(), answer });
    // A failure is not kept.
    answer.catch(() => this.#answers.delete(key));
    if (this.#answers.size > MAX_ANSWERS) this.#answers.delete(this.#answers.keys().next().value);
    return answer;
  }
}

function isCut(body, limit) {
  return body.data.length > limit || (body.data.length === limit && (body.warnings ?? []).length > 0);
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Returns the label of a path: names beyond letters, digits and underscores are escaped as Prometheus does. */
function pathLabel(label) {
  if (LABEL.test(label)) return label;
  const parts = [...label.replaceAll("_", "__")].map((character) =>
    /[a-zA-Z0-9_]/.test(character) ? character : `_${character.codePointAt(0).toString(16)}_`,
  );
  return `U__${parts.join("")}`;
}

/** Returns a text for use between double quotes. */
export function escapeString(text) {
  return text
    .replace(/\\/g, "\\\\")
    .replace(/"/g, '\\"')
    .replace(/\n/g, "\\n")
    .replace(/\t/g, "\\t")
    .replace(/\r/g, "\\r");
}

/** Returns a pattern that matches a text literally. */
export function escapePattern(text) {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** Returns a label as a selector writes it: in quotes unless it is a plain name. */
export function quoteLabel(label) {
  return LABEL.test(label) ? label : `"${escapeString(label)}"`;
}

/** Returns a selector of a metric with matchers. */
export function selectorOf(metric, matchers = []) {
  if (NAME.test(metric)) return matchers.length === 0 ? metric : `${metric}{${matchers.join(", ")}}`;
  return `{${[`"${escapeString(metric)}"`, ...matchers].join(", ")}}`;
}

/** Returns a matcher for exactly one value. */
export function equalMatcher(label, value) {
  return `${quoteLabel(label)}="${escapeString(value)}"`;
}

/** Returns kind, unit and description of a metric; those of a histogram or summary also for its parts. */
export function aboutMetric(metadata, name) {
  return metadata.get(name) ?? metadata.get(name.replace(/_(bucket|sum|count)$/, ""));
}
