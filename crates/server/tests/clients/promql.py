"""Reads values back by PromQL, with the standard library alone."""

import json
import sys
import urllib.parse
import urllib.request


def base_url():
    """Returns the URL of the server, the only argument of a script."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} URL")
    return sys.argv[1]


def check(url, database, query, time, expected):
    """Ends the program unless the query has these values, by their labels without the name."""
    parameters = urllib.parse.urlencode({"query": query, "time": time})
    with urllib.request.urlopen(f"{url}/db/{database}/api/v1/query?{parameters}") as answer:
        result = json.load(answer)["data"]["result"]
    found = []
    for series in result:
        labels = {name: text for name, text in series["metric"].items() if name != "__name__"}
        found.append((labels, series["value"][1]))

    def order(series):
        return sorted(series[0].items())

    found.sort(key=order)
    expected.sort(key=order)
    if found != expected:
        sys.exit(f"{query}: found {found}, expected {expected}")
