// The client `influx` of npm, for InfluxDB 1.x.
import { InfluxDB, FieldType } from "influx";

const url = process.argv[2];
const fail = (message) => {
  console.error(message);
  process.exit(1);
};
const { hostname, port } = new URL(url);
const influx = new InfluxDB({
  host: hostname,
  port: Number(port),
  database: "node",
  schema: [{ measurement: "cpu", fields: { value: FieldType.FLOAT, idle: FieldType.INTEGER }, tags: ["host"] }],
});
const hosts = await influx.ping(5000);
if (!hosts[0].online || !hosts[0].version.startsWith("1.8")) fail(`ping: ${JSON.stringify(hosts)}`);
await influx.createDatabase("node");
const names = await influx.getDatabaseNames();
if (names.join() !== "default,node") fail(`databases: ${names}`);
const timestamp = new Date(1704067200000);
await influx.writePoints([
  { measurement: "cpu", tags: { host: "a" }, fields: { value: 1.5, idle: 98 }, timestamp },
  { measurement: "cpu", tags: { host: "b" }, fields: { value: 2.5 }, timestamp },
]);
const rejected = await influx.query("SELECT * FROM cpu").then(() => "", (error) => error.message);
if (!rejected.includes("PromQL")) fail(`SELECT: ${rejected}`);
const answer = await fetch(`${url}/db/node/api/v1/query?query=sum(cpu)&time=1704067200`);
const { data } = await answer.json();
if (data.result[0]?.value[1] !== "102") fail(`read back: ${JSON.stringify(data)}`);
