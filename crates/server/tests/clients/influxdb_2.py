"""The client `influxdb-client` of PyPI, for InfluxDB 2.x."""

import sys

from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS, WriteOptions
from influxdb_client.rest import ApiException

from promql import base_url, check

url = base_url()
with InfluxDBClient(url=url, token="user:token", org="any", enable_gzip=True) as client:
    if not client.ping():
        sys.exit("ping failed")
    if not client.version().startswith("1.8"):
        sys.exit(f"version: {client.version()!r}")
    if client.health().status != "pass":
        sys.exit(f"health: {client.health()}")

    with client.write_api(write_options=SYNCHRONOUS) as api:
        point = Point("cpu").tag("host", "a").field("value", 1.5).field("idle", 98).time(1704067200, WritePrecision.S)
        api.write(bucket="default/autogen", record=point, write_precision=WritePrecision.S)
        try:
            api.write(bucket="missing", record=point)
            sys.exit("a write to a bucket that does not exist succeeded")
        except ApiException as error:
            if error.status != 404 or "database not found" not in error.body:
                raise
        try:
            api.write(bucket="default", record=["cpu,host=a value=t 1704067200000000000", "cpu,host=b value=2 1704067200000000000"])
            sys.exit("a conflict of types was accepted")
        except ApiException as error:
            if error.status != 400 or "field type conflict" not in error.body:
                raise

    # In batches, in the background.
    errors = []
    options = WriteOptions(batch_size=500, flush_interval=100)
    with client.write_api(options, error_callback=lambda *failed: errors.append(failed)) as api:
        api.write(bucket="default", record=[f"many,n={n} value={n} 1704067200000000000" for n in range(2_000)])
    if errors:
        sys.exit(f"batches failed: {errors[:1]}")

    try:
        client.query_api().query('from(bucket:"default")')
        sys.exit("Flux was accepted")
    except ApiException as error:
        if error.status != 400 or b"PromQL" not in error.body:
            raise

check(url, "default", "cpu", 1704067200, [
    ({"host": "a"}, "1.5"),
    ({"host": "a", "_field": "idle"}, "98"),
    ({"host": "b"}, "2"),
])
check(url, "default", "sum(many)", 1704067200, [({}, str(sum(range(2_000))))])
