"""The client `prometheus_client` of PyPI, which pushes to a Pushgateway."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, push_to_gateway, pushadd_to_gateway

from promql import base_url, check

url = base_url()
registry = CollectorRegistry()
Gauge("backup_bytes", "Size of the backup.", ["disk"], registry=registry).labels("a/b").set(1024)
gateway = f"{url}/api/v1/import/prometheus"
push_to_gateway(gateway, job="nightly", registry=registry, grouping_key={"path": "/var/tmp"})
registry = CollectorRegistry()
Counter("runs", "Number of runs.", registry=registry).inc(3)
pushadd_to_gateway(gateway, job="nightly", registry=registry)
now = time.time() + 1
check(url, "default", "backup_bytes", now, [({"job": "nightly", "path": "/var/tmp", "disk": "a/b"}, "1024")])
check(url, "default", "runs_total", now, [({"job": "nightly"}, "3")])
