// The client of Prometheus' query editor, `@prometheus-io/codemirror-promql` of npm: what it completes with.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { HTTPPrometheusClient } = createRequire(import.meta.url)("@prometheus-io/codemirror-promql/dist/cjs/client/prometheus.js");
const url = process.argv[2];

const now = Math.floor(Date.now() / 1000);
const text = `# TYPE jobs_done counter\n# HELP jobs_done Jobs that ended.\njobs_done_total{queue="a"} 1 ${now}\njobs_done_total{queue="b"} 2 ${now}\n# EOF\n`;
const written = await fetch(`${url}/api/v1/import/prometheus`, {
  method: "POST",
  headers: { "Content-Type": "application/openmetrics-text" },
  body: text,
});
assert.ok(written.ok, await written.text());

for (const httpMethod of ["POST", "GET"]) {
  const errors = [];
  const client = new HTTPPrometheusClient({ url, httpMethod, fetchFn: fetch, httpErrorHandler: (error) => errors.push(error) });
  assert.deepEqual(await client.metricNames("jobs"), ["jobs_done_total"]);
  assert.deepEqual((await client.labelNames("jobs_done_total")).sort(), ["__name__", "queue"]);
  assert.deepEqual((await client.labelValues("queue")).sort(), ["a", "b"]);
  assert.deepEqual((await client.labelValues("queue", "jobs_done_total")).sort(), ["a", "b"]);
  assert.equal((await client.series("jobs_done_total")).length, 2);
  const metadata = await client.metricMetadata();
  assert.equal(Object.values(metadata)[0][0].type, "counter");
  assert.equal(typeof (await client.flags()), "object");
  assert.deepEqual(errors, []);
}
