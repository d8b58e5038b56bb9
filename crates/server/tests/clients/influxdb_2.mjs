// The client `@influxdata/influxdb-client` of npm, for InfluxDB 2.x.
import { InfluxDB, Point } from "@influxdata/influxdb-client";

const url = process.argv[2];
const fail = (message) => {
  console.error(message);
  process.exit(1);
};
const client = new InfluxDB({ url, token: "any" });
// Bodies above the threshold are compressed.
const api = client.getWriteApi("org", "default", "ms", { gzipThreshold: 100, maxRetries: 0 });
api.useDefaultTags({ zone: "eu" });
for (let n = 0; n < 100; n += 1) {
  api.writePoint(new Point("cpu").tag("n", String(n)).floatField("value", n).intField("idle", n).timestamp(1704067200000));
}
await api.close();
const missing = client.getWriteApi("org", "missing", "ms", { maxRetries: 0 });
missing.writePoint(new Point("cpu").floatField("value", 1));
const status = await missing.close().then(() => 204, (error) => error.statusCode);
if (status !== 404) fail(`a missing bucket: ${status}`);
const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent('sum(cpu{zone="eu"})')}&time=1704067200`);
const { data } = await answer.json();
if (data.result[0]?.value[1] !== "9900") fail(`read back: ${JSON.stringify(data)}`);
process.exit(0);
