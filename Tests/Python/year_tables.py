"""What a year of commits has left: sizes on disk, DuckDB's times for standard questions, and whether
counts and sums are those of what was generated. YearBenchmark runs it.

    year_tables.py ROOT TRUTH.json

Exits with 1 where a count or a sum is wrong, or where DuckDB and deltalake see other files.
"""

import collections
import datetime
import json
import os
import statistics
import sys
import time

import deltalake

import delta_tables

REPEATS = 5
# A question that takes longer than that is not asked again.
SECONDS_MAX = 5


def walk(folder):
    for path, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(path, name), os.path.getsize(os.path.join(path, name))


def show_sizes(root, table):
    data, log = [], collections.defaultdict(list)
    for path, size in walk(os.path.join(root, "tables", table)):
        if f"{os.sep}_delta_log{os.sep}" not in path:
            data.append(size)
        else:
            log["checkpoint" if ".checkpoint." in path else "commit"].append(size)
    print(
        f"  {table}: on disk {len(data)} files with {sum(data) / 1e6:.1f} MB; log "
        f"{len(log['commit'])} commits with {sum(log['commit']) / 1e6:.1f} MB, "
        f"{len(log['checkpoint'])} checkpoints, the largest "
        f"{max(log['checkpoint'], default=0) / 1e3:.0f} kB"
    )


def expected_days(question, table):
    """{date: (count, sum)} of what must be there."""
    keep = question["keep_days"].get(table)
    now = question["now_micros"]
    days = {}
    for date, count, total in question["tables"][table]:
        start = datetime.datetime.fromisoformat(date + "T00:00:00+00:00").timestamp()
        end = (start + 86400) * 1_000_000
        if keep is None or end + keep * 86_400_000_000 > now:
            days[date] = (count, total / 64)
    return days


def check(connection, root, question, table):
    """The faults of a table, as sentences."""
    column = "sum" if table == "windows" else "temperature_c"
    path = delta_tables.text_literal(os.path.join(root, "tables", table))
    found = {
        str(date): (count, total)
        for date, count, total in connection.execute(
            f'SELECT event_date, count(*), sum("{column}") FROM delta_scan({path}) GROUP BY ALL'
        ).fetchall()
    }
    expected = expected_days(question, table)
    wrong = [date for date in sorted(found.keys() | expected.keys())
             if found.get(date) != expected.get(date)]
    for date in wrong[:5]:
        yield f"{table} {date}: {found.get(date)} is there, {expected.get(date)} is due"
    ours = deltalake.DeltaTable(os.path.join(root, "tables", table))
    adds = ours.get_add_actions(flatten=True)
    rows = sum(adds["num_records"].to_pylist())
    if rows != sum(count for count, _ in expected.values()):
        yield f"{table}: deltalake counts {rows} rows"
    print(f"  {table}: {len(expected)} dates, {rows} rows in {adds.num_rows} live files, version "
          f"{ours.version()}")


def queries(root, question):
    def scan(table):
        return f"delta_scan({delta_tables.text_literal(os.path.join(root, 'tables', table))})"

    readings, windows = scan("readings_site"), scan("windows")
    dates = sorted(expected_days(question, "readings_site"))
    last, some, week = dates[-1], dates[len(dates) // 2], dates[-8:][0]
    yield "count of all readings", f"SELECT count(*) FROM {readings}"
    yield ("one device, one day", f"SELECT epoch_us(event_time), temperature_c FROM {readings} "
           f"WHERE event_date = '{some}' AND device_id = 'site-1007' ORDER BY 1")
    yield ("last day's mean by metric", f"SELECT metric, avg(mean) FROM {windows} "
           f"WHERE event_date = '{last}' GROUP BY metric")
    yield ("one week by device", f"SELECT device_id, avg(temperature_c), max(voltage_v) "
           f"FROM {readings} WHERE event_date >= '{week}' GROUP BY device_id")
    yield "distinct devices", f"SELECT count(DISTINCT device_id) FROM {readings}"


def show_times(connection, root, question):
    for name, query in queries(root, question):
        times = []
        for _ in range(REPEATS):
            begun = time.perf_counter()
            connection.execute(query).fetchall()
            times.append(time.perf_counter() - begun)
            if sum(times) > SECONDS_MAX:
                break
        print(f"  DuckDB, {name}: {statistics.median(times) * 1000:.0f} ms")


def main():
    root, truth = sys.argv[1:]
    with open(truth, encoding="utf-8") as file:
        question = json.load(file)
    connection = delta_tables.connect()
    everything = sum(size for _, size in walk(root))
    ledger = os.listdir(os.path.join(root, "_ledger"))
    print(f"  the root: {everything / 1e6:.1f} MB; the ledger: {len(ledger)} files")
    faults = []
    for table in sorted(question["tables"]):
        show_sizes(root, table)
        faults += check(connection, root, question, table)
    show_times(connection, root, question)
    for fault in faults:
        print(f"  WRONG: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
