"""DuckDB through its Python package: one child process of benches/peers, the same task and report as in Rust.

Layout: one table of series, time and value without an index, because DuckDB keeps minima and maxima of each row group
and advises against a primary key for bulk loads. A call inserts a dict of numpy arrays, the form that DuckDB scans
without a copy. Durable: each insert is a transaction of its own, and a commit syncs the log. DuckDB has no commit without
a sync: without fsync, 1,000 calls are one transaction. Close: a checkpoint, then close. Options are the defaults.
"""

import json
import os
import sys
import threading
import time

import duckdb
import numpy as np

POINT_BYTES = 20
BATCH_POINTS = 1_000
CALLS_PER_TRANSACTION = 1_000
BATCHES_PER_BARE_WRITE = 8
START_NANOS = 1_700_000_000_000_000_000
# As in measure/single.rs.
STEP_NANOS = 1_000_000
TOTAL = "SELECT count(*), coalesce(sum(CAST(value * 100 AS BIGINT)), 0) FROM "
LATEST_REPETITIONS = 5


def connect(task):
    connection = duckdb.connect(os.path.join(task["dir"], "points.duckdb"))
    connection.execute("CREATE TABLE IF NOT EXISTS points (series UINTEGER, ts TIMESTAMP_NS, value DOUBLE)")
    return connection


def close(connection):
    connection.execute("CHECKPOINT")
    connection.close()


def batches(path):
    """Yields the arrays of each batch of a file that the parent has written: columns of up to 1,000 points."""
    rest = os.path.getsize(path) // POINT_BYTES
    with open(path, "rb") as file:
        while rest > 0:
            n = min(BATCH_POINTS, rest)
            rest -= n
            data = file.read(n * POINT_BYTES)
            yield {
                "series": np.frombuffer(data, dtype="<u4", count=n),
                "ts": np.frombuffer(data, dtype="<i8", count=n, offset=4 * n).view("datetime64[ns]"),
                "value": np.frombuffer(data, dtype="<f8", count=n, offset=12 * n),
            }


def insert(connection, batch):
    # DuckDB finds the dict by the name of the variable.
    connection.execute("INSERT INTO points SELECT series, ts, value FROM batch")


def timed(call, *arguments):
    begun = time.perf_counter()
    answer = call(*arguments)
    return time.perf_counter() - begun, answer


def percentile(times, part):
    return sorted(times)[min(int(len(times) * part), len(times) - 1)]


def difference(read, right):
    if tuple(read) == (right["count"], right["cents"]):
        return None
    return f"{read[0]} points, sum {read[1]} cents; right: {right['count']}, {right['cents']}"


def outcome(wrong, value):
    return {"wrong": wrong} if wrong else {"value": value}


def checked(task, written, values):
    """Reads back what a durable step has written; every figure is wrong if the answer is."""
    connection = connect(task)
    wrong = difference(connection.execute(TOTAL + "points").fetchone(), written)
    connection.close()
    return {measure: outcome(wrong, value) for measure, value in values.items()}


def ingest(task):
    connection = connect(task)
    spent, calls = 0.0, 0
    for batch in batches(task["samples"][0]):
        begun = time.perf_counter()
        if calls % CALLS_PER_TRANSACTION == 0:
            connection.execute("BEGIN")
        insert(connection, batch)
        calls += 1
        if calls % CALLS_PER_TRANSACTION == 0:
            connection.execute("COMMIT")
        spent += time.perf_counter() - begun

    def finish():
        if calls % CALLS_PER_TRANSACTION:
            connection.execute("COMMIT")
        close(connection)

    closed, _ = timed(finish)
    with open("/proc/self/status", encoding="ascii") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    points = task["shape"]["series"] * task["shape"]["ticks"]
    values = {"ingest": points / (spent + closed), "ingest_cpu": time.process_time() / points, "close": closed}
    values["peak_memory"] = peak * 1024
    return {measure: {"value": value} for measure, value in values.items()}


def read(task):
    opened, connection = timed(duckdb.connect, os.path.join(task["dir"], "points.duckdb"))
    expected, limit = task["expected"], task["seconds"]
    took, answer = timed(lambda: connection.execute(TOTAL + "points").fetchone())
    scan = outcome(difference(answer, expected["all"]), expected["all"]["count"] / took)

    hour = TOTAL + "points WHERE series = ? AND ts >= make_timestamp_ns(?) AND ts < make_timestamp_ns(?)"
    times, wrong, started = [], None, time.perf_counter()
    for one in expected["hours"]:
        arguments = [one["series"], one["from_nanos"], one["until_nanos"]]
        took, answer = timed(lambda: connection.execute(hour, arguments).fetchone())
        times.append(took)
        wrong = wrong or difference(answer, one["expected"])
        if time.perf_counter() - started > limit:
            break
    hours = outcome(wrong, percentile(times, 0.5))

    newest = (
        TOTAL + "(SELECT arg_max(value, ts) AS value FROM points"
        " WHERE series IN (SELECT unnest(?::UINTEGER[])) GROUP BY series)"
    )
    times, wrong, started = [], None, time.perf_counter()
    for _ in range(LATEST_REPETITIONS):
        took, answer = timed(lambda: connection.execute(newest, [expected["latest_of"]]).fetchone())
        times.append(took)
        wrong = wrong or difference(answer, expected["latest"])
        if time.perf_counter() - started > limit:
            break
    connection.close()
    latest = outcome(wrong, percentile(times, 0.5))
    return {"open": {"value": opened}, "scan": scan, "hour": hours, "latest": latest}


def bare_write(file, data):
    os.write(file, data)
    os.fdatasync(file)


def durable_one(task):
    connection = connect(task)
    bare = os.open(task["bare_file"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    times, bare_times = [], []
    for batch in batches(task["samples"][0]):
        times.append(timed(insert, connection, batch)[0])
        if len(times) % BATCHES_PER_BARE_WRITE == 1:
            bare_times.append(timed(bare_write, bare, bytes(BATCH_POINTS * POINT_BYTES))[0])
    os.close(bare)
    close(connection)
    median, bare_median = percentile(times, 0.5), percentile(bare_times, 0.5)
    total = task["expected"]["all"]
    values = {"durable_one": total["count"] / sum(times), "ack_median": median, "ack_p99": percentile(times, 0.99)}
    values |= {"ack_ratio": median / bare_median, "bare": bare_median}
    return checked(task, total, values)


def together(count, run):
    """Runs a function in threads and returns its answers; DuckDB releases Python's lock inside its calls."""
    answers, errors = [None] * count, []

    def thread(number):
        try:
            answers[number] = run(number)
        except Exception as error:  # Any error of a thread is the answer of the step.
            errors.append(error)

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if errors:
        raise errors[0]
    return answers


def durable_many(task):
    connection = connect(task)
    work = [list(batches(path)) for path in task["samples"]]

    def client(number):
        cursor = connection.cursor()
        return [timed(insert, cursor, batch)[0] for batch in work[number]]

    took, times = timed(together, len(work), client)
    close(connection)
    total = task["expected"]["all"]
    p99 = percentile([one for client_times in times for one in client_times], 0.99)
    return checked(task, total, {"durable_many": total["count"] / took, "many_p99": p99})


def single(task):
    connection = connect(task)

    def write_for(series):
        cursor, times, cents = connection.cursor(), [], 0
        started = time.perf_counter()
        while True:
            value = len(times) % 10_000
            row = [series, START_NANOS + len(times) * STEP_NANOS, value / 100]
            times.append(timed(cursor.execute, "INSERT INTO points VALUES (?, make_timestamp_ns(?), ?)", row)[0])
            cents += value
            if time.perf_counter() - started >= task["seconds"]:
                return times, cents

    alone, cents = write_for(task["threads"])
    took, answers = timed(together, task["threads"], write_for)
    close(connection)
    count = sum(len(times) for times, _ in answers)
    written = {"count": count + len(alone), "cents": cents + sum(cents for _, cents in answers)}
    return checked(task, written, {"single_median": percentile(alone, 0.5), "single_many": count / took})


def main():
    if sys.argv[1] == "--version":
        print(f"{duckdb.__version__} (Python {sys.version.split()[0]}, numpy {np.__version__})")
        return
    with open(sys.argv[1], encoding="utf-8") as file:
        task = json.load(file)
    steps = {"ingest": ingest, "read": read, "durable_one": durable_one, "durable_many": durable_many, "single": single}
    report = steps[task["step"]](task)
    print(json.dumps([{"measure": measure, "outcome": answer} for measure, answer in report.items()]))


main()
