// The health of the server: whether it is ready, what it is, and what its metrics say.

import { byId, element } from "./dom.js";
import { formatDuration } from "./duration.js";
import { parseExposition, sumOf } from "./exposition.js";
import { formatBytes, formatCount, formatShort } from "./number_format.js";
import { formatTime } from "./time_format.js";

/** Milliseconds between two looks. */
const PERIOD_MS = 15_000;

/** Milliseconds over which a rate is taken, at least. */
const LEAST_RATE_MS = 10_000;

/**
 * What the server's metrics say, by the first of several names that it has: its own, else those of Prometheus, on
 * whose interface this page also works. A counter is shown per second.
 */
const METRICS = [
  {
    title: "Points stored",
    names: ["timestrata_ingested_points_total", "prometheus_tsdb_head_samples_appended_total"],
    kind: "rate",
    unit: "/s",
  },
  {
    title: "Points refused",
    names: ["timestrata_refused_points_total", "prometheus_tsdb_out_of_bound_samples_total"],
    kind: "rate",
    unit: "/s",
  },
  { title: "Bytes received", names: ["timestrata_received_bytes_total"], kind: "byteRate" },
  { title: "Memory", names: ["process_resident_memory_bytes"], of: ["timestrata_memory_budget_bytes"], kind: "bytes" },
  {
    title: "Memory of requests",
    names: ["timestrata_body_memory_bytes"],
    of: ["timestrata_body_memory_limit_bytes"],
    kind: "bytes",
  },
  {
    title: "Memory of queries",
    names: ["timestrata_query_memory_bytes"],
    of: ["timestrata_query_memory_limit_bytes"],
    kind: "bytes",
  },
  { title: "Queries running", names: ["timestrata_running_queries"], kind: "count" },
  { title: "Queued writes", names: ["timestrata_queued_bytes"], kind: "bytes" },
  { title: "Requests denied", names: ["timestrata_denied_requests_total"], kind: "rate", unit: "/s" },
  { title: "Series", names: ["timestrata_series"], kind: "count" },
  { title: "Files", names: ["timestrata_files", "prometheus_tsdb_blocks_loaded"], kind: "count" },
  { title: "Size on disk", names: ["timestrata_file_bytes", "prometheus_tsdb_storage_blocks_bytes"], kind: "bytes" },
  { title: "Write-ahead log", names: ["timestrata_wal_bytes"], kind: "bytes" },
  { title: "Read-only databases", names: ["timestrata_read_only"], kind: "count" },
  { title: "Open files", names: ["process_open_fds"], of: ["process_max_fds"], kind: "count" },
];

/** Looks at the server now and then, and shows it in the head of the page. */
export class Health {
  #api;
  #isUtc;
  #last = null;
  #isAsking = false;

  /** `onready` is called when the server is ready after it answered that it is not. */
  constructor(api, isUtc, onready) {
    this.#api = api;
    this.#isUtc = isUtc;
    this.onready = onready;
    this.isReady = null;
    this.isReachable = false;
    this.ingestRate = null;
    this.refusalRate = 0;
    this.readOnlyCount = 0;
    this.largest = "";
    this.facts = new Map();
    setInterval(() => document.visibilityState === "visible" && this.look(), PERIOD_MS);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.look());
  }

  /** Asks the server once. What it does not have is left out. */
  async look() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const options = { isBackground: true };
    const attempt = (promise) => promise.catch((error) => ({ error }));
    const [ready, build, runtime, tsdb, metrics] = await Promise.all([
      attempt(this.#api.text("-/ready", options)),
      attempt(this.#api.api("status/buildinfo", {}, options)),
      attempt(this.#api.api("status/runtimeinfo", {}, options)),
      attempt(this.#api.api("status/tsdb", {}, options)),
      attempt(this.#api.text("metrics", options)),
    ]);
    this.#isAsking = false;
    this.facts = new Map();
    this.#takeReady(ready);
    this.#takeStatus(build.data ?? {}, runtime.data ?? {}, tsdb.data ?? {});
    if (metrics.status === 200) this.#takeMetrics(parseExposition(metrics.text));
    this.draw();
  }

  #takeReady({ status, text, error }) {
    const wasStarting = this.isReady === false && this.isReachable;
    this.isReachable = error === undefined;
    // Without the address of readiness a server that answers counts as ready.
    this.isReady = error === undefined && (status === 200 || status === 404 || status === 401);
    const state =
      error !== undefined
        ? error.message
        : status === 200
          ? "ready"
          : status === 404
            ? "answers"
            : status === 401
              ? "wants a token"
              : readyText(text);
    this.facts.set("State", state);
    // The page itself notices a connection that is back.
    if (wasStarting && this.isReady) this.onready();
  }

  #takeStatus(build, runtime, tsdb) {
    const isUtc = this.#isUtc();
    const { headStats = {}, seriesCountByMetricName = [] } = tsdb;
    // `version` is that of the Prometheus whose interface the server has.
    const version = build.timestrataVersion ?? build.version;
    if (version) this.facts.set("Version", version);
    const started = Date.parse(runtime.startTime ?? "");
    if (!Number.isNaN(started))
      this.facts.set(
        "Started",
        `${formatTime(Math.floor(started / 1000) * 1000, isUtc)} (${formatDuration(Math.max(0, Math.round((Date.now() - started) / 60_000) * 60_000))} ago)`,
      );
    if (runtime.storageRetention) {
      const isForever = /^0(s|ms)?$/.test(runtime.storageRetention);
      this.facts.set("Retention", isForever ? "none: points are kept" : runtime.storageRetention);
    }
    if (Number.isFinite(headStats.numSeries)) this.facts.set("Series", formatCount(headStats.numSeries));
    const { minTime, maxTime } = headStats;
    // An empty database has the ends of all time.
    const isTime = (time) => Number.isFinite(time) && Math.abs(time) < 9e12;
    if (isTime(minTime)) this.facts.set("Oldest point", formatTime(minTime, isUtc));
    if (isTime(maxTime)) this.facts.set("Newest point", formatTime(maxTime, isUtc));
    const largest = seriesCountByMetricName
      .slice(0, 5)
      .map(({ name, value }) => `${name}: ${formatCount(Number(value))}`);
    this.largest = largest.join(", ");
  }

  #takeMetrics(metrics) {
    const now = performance.now();
    const values = new Map();
    const rates = new Map();
    for (const { title, names, of, kind, unit } of METRICS) {
      const name = names.find((one) => metrics.has(one));
      if (name === undefined) continue;
      const value = sumOf(metrics, name);
      values.set(title, value);
      const before = this.#last?.values.get(title);
      const rate =
        before === undefined || now - this.#last.at < 1_000
          ? null
          : Math.max(0, (value - before) / ((now - this.#last.at) / 1000));
      const limit = of?.map((one) => sumOf(metrics, one)).find((one) => one !== null && one > 0) ?? null;
      this.facts.set(title, factText({ kind, unit, value, rate, limit }));
      rates.set(title, rate);
    }
    this.ingestRate = rates.get("Points stored") ?? null;
    this.refusalRate = rates.get("Points refused") ?? 0;
    this.readOnlyCount = values.get("Read-only databases") ?? 0;
    // A rate over a few seconds would show the moments of the writes.
    if (this.#last === null || now - this.#last.at >= LEAST_RATE_MS) this.#last = { at: now, values };
  }

  /** Shows what is known. */
  draw() {
    const parts = [this.facts.get("State") ?? "unknown"];
    const version = this.facts.get("Version");
    if (this.isReady) {
      if (version !== undefined) parts.push(`v${version}`);
      if (this.readOnlyCount > 0) parts.push("read-only");
      if (this.ingestRate !== null) parts.push(`${formatShort(this.ingestRate)} points/s`);
      if (this.refusalRate > 0) parts.push(`${formatShort(this.refusalRate)} refused/s`);
    }
    byId("health-text").textContent = !this.isReady && parts[0].length > 30 ? "not ready" : parts.join(" · ");
    const isBad = !this.isReady || this.readOnlyCount > 0;
    byId("health-button").dataset.state = isBad ? "bad" : this.refusalRate > 0 ? "warning" : "good";
    const rows = [...this.facts].map(([title, text]) => factRow(title, text, ""));
    if (this.largest !== "") rows.push(factRow("Metrics with most series", this.largest, "is-wide"));
    byId("health-facts").replaceChildren(...rows);
  }
}

function factRow(title, text, className) {
  return element("div", { class: className }, element("dt", {}, title), element("dd", {}, text));
}

function readyText(text) {
  try {
    const body = JSON.parse(text);
    return `not ready: ${body.error ?? body.message ?? "the server starts or stops"}`;
  } catch {
    return `not ready: ${text.trim().split("\n")[0].slice(0, 120)}`;
  }
}

function factText({ kind, unit, value, rate, limit }) {
  if (kind === "rate")
    return rate === null ? `${formatCount(value)} in all` : `${formatShort(rate)}${unit}, ${formatCount(value)} in all`;
  if (kind === "byteRate")
    return rate === null
      ? `${formatBytes(value)} in all`
      : `${formatBytes(Math.round(rate))}/s, ${formatBytes(value)} in all`;
  const text = kind === "bytes" ? formatBytes : formatCount;
  return limit === null ? text(value) : `${text(value)} of ${text(limit)} (${Math.round((100 * value) / limit)} %)`;
}
