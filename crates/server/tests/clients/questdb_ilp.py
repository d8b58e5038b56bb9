"""The client `questdb` of PyPI, which sends line protocol over HTTP."""

import urllib.parse

from questdb.ingress import Sender, TimestampNanos

from promql import base_url, check

url = base_url()
parts = urllib.parse.urlparse(url)
with Sender.from_conf(f"http::addr={parts.netloc};protocol_version=1;") as sender:
    for host, value in [("a", 1.5), ("b", 2.5)]:
        sender.row("cpu", symbols={"host": host}, columns={"value": value, "count": 3},
                   at=TimestampNanos(1704067200000000000))
check(url, "default", "cpu", 1704067200, [
    ({"host": "a"}, "1.5"),
    ({"host": "a", "_field": "count"}, "3"),
    ({"host": "b"}, "2.5"),
    ({"host": "b", "_field": "count"}, "3"),
])
