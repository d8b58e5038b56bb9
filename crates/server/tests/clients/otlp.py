"""The OTLP exporter of PyPI over HTTP: a counter, a gauge and a histogram."""

import time

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from promql import base_url, check

url = base_url()
exporter = OTLPMetricExporter(endpoint=f"{url}/v1/metrics", compression=Compression.Gzip)
reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
resource = Resource.create({"service.namespace": "shop", "service.name": "cart", "service.instance.id": "one", "zone": "eu"})
provider = MeterProvider(resource=resource, metric_readers=[reader])
meter = provider.get_meter("orders")

orders = meter.create_counter("orders.placed", unit="1", description="Orders that were placed.")
orders.add(2, {"payment.method": "card"})
orders.add(1, {"payment.method": "card"})
meter.create_gauge("room.temperature", unit="Cel").set(21.5)
duration = meter.create_histogram("request.duration", unit="s")
for seconds in [0.02, 0.3, 40]:
    duration.record(seconds)
if not provider.force_flush():
    raise SystemExit("the export failed")
provider.shutdown()

now = time.time()
of = {"job": "shop/cart", "instance": "one"}
check(url, "default", "orders_placed_total", now, [({**of, "payment_method": "card"}, "3")])
check(url, "default", "room_temperature_celsius", now, [(of, "21.5")])
check(url, "default", "request_duration_seconds_count", now, [(of, "3")])
check(url, "default", 'request_duration_seconds_bucket{le="10"}', now, [({**of, "le": "10"}, "2")])
check(url, "default", "sum by (zone, job) (target_info)", now, [({"zone": "eu", "job": "shop/cart"}, "1")])
