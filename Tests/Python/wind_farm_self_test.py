"""Self-test of wind_farm.py on a small wind farm with the real one's defects.

The right tables come from reference.py, which shares nothing with the SQL: the two must agree.
"""

import contextlib
import io
import math
import random
import tempfile
from pathlib import Path

import pyarrow
from deltalake import DeltaTable, write_deltalake

import wind_farm
from pipeline_options import AGGREGATES, MICROS, EventTime, Source, Window
from reference import Record, expected
from verify_tables_self_test import TIMESTAMP, date_of

DAY = 1_396_137_600 * MICROS  # 2014-03-30, the day of a clock change
STEP = 600 * MICROS
WINDOWS = [
    Window("1h", 6 * STEP, STEP),
    Window("2h", 12 * STEP, 12 * STEP),
    Window("10m", STEP, STEP),
]
ARGUMENTS = ["--window", "1h:1h:10m", "--window", "2h:2h:2h", "--window", "10m:10m:10m"]
CSV_NAMES = {"Ba_avg": "pitch_angle_deg", "P_avg": "active_power_kw"}


def make_farm(seed):
    """[(turbine, time, {column: value or None})] in the order of the lines."""
    generator = random.Random(seed)
    lines = []
    for index in range(150):
        time = DAY + index * STEP
        for turbine in generator.sample(["T1", "T2"], 2):
            for _ in range(2 if 6 <= index < 12 else 1):  # one instant, two records
                values = {
                    "Ba_avg": generator.choice([None, generator.uniform(-1, 90)]),
                    "P_avg": generator.uniform(-20, 2050),
                }
                lines.append((turbine, time, values))
    return lines


def csv_text(lines):
    out = ["Wind_turbine_name,Date_time,Ba_avg,P_avg"]
    for turbine, time, values in lines:
        # An offset of two hours, as the file has in summer.
        hours = 2 if (time // (STEP * 6)) % 2 else 1
        local = time + hours * 6 * STEP
        clock = f"{local // (3600 * MICROS) % 24:02}:{local // (60 * MICROS) % 60:02}:00"
        cells = ["" if values[name] is None else repr(values[name]) for name in CSV_NAMES]
        moment = f"{date_of(local)}T{clock}+0{hours}:00"
        out.append(f"{turbine},{moment},{','.join(cells)}")
    return "\n".join(out) + "\n"


def records_of(lines):
    """One record a turbine and day, narrow rows in the order of the lines."""
    groups = {}
    for turbine, time, values in lines:
        rows = groups.setdefault((turbine, date_of(time)), [])
        rows += [
            (time, {CSV_NAMES[name]: value}) for name, value in values.items() if value is not None
        ]
    return [
        Record(offset, DAY * 2, turbine, rows)
        for offset, ((turbine, _), rows) in enumerate(groups.items())
    ]


def write_tables(root, lines, is_wide, fires_open_windows):
    source = Source("farm", ["t"], [], not is_wide, WINDOWS, EventTime())
    records = records_of(lines)
    reference, _ = expected(source, records, fires_open_windows=fires_open_windows)
    if is_wide:
        readings = [
            {"device_id": turbine, "event_time": time}
            | {CSV_NAMES[name]: value for name, value in values.items()}
            for turbine, time, values in lines
        ]
    else:
        readings = [
            {"device_id": record.device, "event_time": time, "metric": metric, "value": value}
            for record in records
            for time, values in record.rows
            for metric, value in values.items()
        ]
    windows = [
        {
            "source": "farm", "device_id": firing.device, "metric": firing.metric,
            "window_name": firing.window.name, "window_start": firing.start,
            "window_end": firing.end, "revision": firing.revision,
        } | {name: getattr(firing, name) for name in AGGREGATES}
        for firing in reference.firings
    ]  # fmt: skip
    write(root / "tables" / "readings_farm", readings, "event_time")
    write(root / "tables" / "windows", windows, "window_start")


def write(path, rows, filed_by):
    kinds = dict.fromkeys(["event_time", "window_start", "window_end"], TIMESTAMP)
    columns = {
        name: pyarrow.array([row[name] for row in rows], kinds.get(name)) for name in rows[0]
    }
    columns["event_date"] = pyarrow.array([date_of(row[filed_by]) for row in rows])
    write_deltalake(str(path), pyarrow.table(columns), partition_by=["event_date"])


def run(root, *options):
    printed = io.StringIO()
    words = ["--root", str(root), "--csv", str(root / "farm.csv"), "--source", "farm", *ARGUMENTS]
    for pair in CSV_NAMES.items():
        words += ["--metric", "=".join(pair)]
    with contextlib.redirect_stdout(printed):
        code = wind_farm.main(words + list(options))
    return code, printed.getvalue()


def update(root, name, values, where):
    result = DeltaTable(str(root / "tables" / name)).update(updates=values, predicate=where)
    assert result["num_updated_rows"] > 0, where


def delete(root, name, where):
    result = DeltaTable(str(root / "tables" / name)).delete(where)
    assert result["num_deleted_rows"] > 0, where


FAULTS = [
    (lambda r: delete(r, "readings_farm", "device_id = 'T1' and value > 2000"), "readings: "),
    (lambda r: update(r, "readings_farm", {"value": "1.5"}, "value > 2040"), "in_table"),
    (lambda r: update(r, "readings_farm", {"device_id": "'T3'"}, "value > 2040"), "T3"),
    (lambda r: delete(r, "windows", "window_name = '2h' and max > 2000"), "'missing'"),
    (lambda r: update(r, "windows", {"count": "count + 1"}, "window_name = '1h'"), "'count'"),
    (lambda r: update(r, "windows", {"last": "first"}, "window_name = '2h'"), "'last'"),
    (lambda r: update(r, "windows", {"stddev": "stddev + 1e-6"}, "window_name = '1h'"), "'stddev'"),
    (lambda r: update(r, "windows", {"device_id": "'T9'"}, "count = 7"), "'nobody asked for it'"),
    (lambda r: update(r, "windows", {"window_name": "'2h'"}, "window_name = '1h'"), "occur twice"),
]


def self_test():
    lines = make_farm(11)
    for is_wide in (False, True):
        for fires_open_windows in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                (root / "farm.csv").write_text(csv_text(lines))
                write_tables(root, lines, is_wide, fires_open_windows)
                options = [] if fires_open_windows else ["--out-of-orderness", "5s"]
                code, printed = run(root, *options)
                assert code == 0, f"wide {is_wide}, open fired {fires_open_windows}\n{printed}"
                code, printed = run(root, *([] if options else ["--out-of-orderness", "5s"]))
                assert code == 1, f"open windows make no difference\n{printed}"
    for change, words in FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "farm.csv").write_text(csv_text(lines))
            write_tables(root, lines, False, True)
            change(root)
            code, printed = run(root)
            assert code == 1 and words in printed, f"not found: {words}\n{printed}"
    assert math.isclose(len(lines), 2 * 156), "the twins are there"
    found = f"{len(FAULTS)} faults are found"
    print(f"wind_farm.py: self-test passed: SQL and reference agree, {found}")
