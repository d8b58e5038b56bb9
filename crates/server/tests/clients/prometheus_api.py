"""Reads the server by prometheus-api-client of PyPI.

usage: prometheus_api.py URL TIME

The server has the metric m of the jobs a and b, with the values 1 and 2 at TIME, in seconds.
"""

import sys
from datetime import datetime, timedelta, timezone

from prometheus_api_client import PrometheusConnect


def equal(found, expected):
    """Ends the program unless two values are equal."""
    if found != expected:
        sys.exit(f"found {found!r}, expected {expected!r}")


def main():
    url, time = sys.argv[1], float(sys.argv[2])
    at = datetime.fromtimestamp(time, tz=timezone.utc)
    server = PrometheusConnect(url=url)
    equal(server.check_prometheus_connection(), True)
    equal(server.all_metrics(), ["m"])
    equal(server.get_label_names(), ["__name__", "job"])
    equal(server.get_label_values("job"), ["a", "b"])
    series = server.get_series(start=at, end=at, params={"match[]": "m"})
    equal(series, [{"__name__": "m", "job": "a"}, {"__name__": "m", "job": "b"}])
    current = server.get_current_metric_value("m", {"job": "b"}, params={"time": time})
    equal([sample["value"] for sample in current], [[time, "2"]])
    equal(server.custom_query("sum(m)", params={"time": time})[0]["value"], [time, "3"])
    steps = server.custom_query_range("m{job='a'}", start_time=at, end_time=at, step="15s")
    equal(steps[0]["values"], [[time, "1"]])
    raw = server.get_metric_range_data("m", {"job": "a"}, start_time=at - timedelta(seconds=5), end_time=at)
    equal(raw[0]["values"], [[time, "1"]])
    equal(server.get_targets(), {"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}})
    equal(server.get_metric_metadata("m"), [])


if __name__ == "__main__":
    main()
