"""The client `influxdb` of PyPI, for InfluxDB 1.x."""

import sys
import urllib.parse

from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

from promql import base_url, check

url = base_url()
parts = urllib.parse.urlparse(url)
client = InfluxDBClient(parts.hostname, parts.port, "user", "password", database="python", gzip=True)

version = client.ping()
if not version.startswith("1.8"):
    sys.exit(f"ping: {version!r}")

# A database that is not there is told from other errors.
try:
    client.write_points([{"measurement": "cpu", "fields": {"value": 1.0}}])
    sys.exit("a write to a database that does not exist succeeded")
except InfluxDBClientError as error:
    if error.code != 404 or "database not found" not in str(error):
        raise

client.create_database("python")
names = [database["name"] for database in client.get_list_database()]
if names != ["default", "python"]:
    sys.exit(f"databases: {names}")

client.write_points(
    [
        {"measurement": "cpu", "tags": {"host": "a b,c=d"}, "time": 1704067200, "fields": {"value": 1.5, "idle": 98}},
        {"measurement": "cpu", "tags": {"host": "x"}, "time": 1704067200, "fields": {"value": 2.5}},
    ],
    time_precision="s",
    retention_policy="autogen",
)
client.write_points(["mem,host=x value=7i 1704067200000"], time_precision="ms", protocol="line")
check(url, "python", "cpu", 1704067200, [
    ({"host": "a b,c=d"}, "1.5"),
    ({"host": "a b,c=d", "_field": "idle"}, "98"),
    ({"host": "x"}, "2.5"),
])
check(url, "python", "mem", 1704067200, [({"host": "x"}, "7")])

# A conflict of types is a partial write: the good point is kept.
try:
    client.write_points(["mem,host=x value=1.5 1704067201", "mem,host=y value=2i 1704067201"],
                        time_precision="s", protocol="line")
    sys.exit("a conflict of types was accepted")
except InfluxDBClientError as error:
    if error.code != 400 or "field type conflict" not in str(error) or "dropped=1" not in str(error):
        raise
check(url, "python", "mem", 1704067201, [({"host": "x"}, "7"), ({"host": "y"}, "2")])

try:
    client.query("SELECT * FROM cpu")
    sys.exit("SELECT was accepted")
except InfluxDBClientError as error:
    if error.code != 400 or "PromQL" not in str(error):
        raise
