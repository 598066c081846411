"""The comparison finds what is wrong: each value changed by a hair, each type, a row too few.

    comparison.py --self-test
"""

import datetime
import json
import math
import sys
import tempfile
from pathlib import Path

import pyarrow
import pyarrow.parquet

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "blackbox")]
sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from comparison import difference_of_aggregates, difference_of_rows, without_nan  # noqa: E402
from live_table import LiveTable  # noqa: E402
from opened import OpenedFiles  # noqa: E402
from truth import EPOCH, Aggregate, aggregates_of, mask  # noqa: E402

SCHEMA = pyarrow.schema([
    ("n", pyarrow.int64()), ("x", pyarrow.float64()), ("loose", pyarrow.float64()),
    ("s", pyarrow.string()), ("b", pyarrow.bool_()), ("raw", pyarrow.binary()),
    ("t", pyarrow.timestamp("us", tz="UTC")), ("d", pyarrow.date32()),
])  # fmt: skip
ROWS = [
    [1, 1.5, 1e9, "a", True, b"", 1, 0],
    [2, math.nan, 0.1, "", False, b"\xff", 1_700_000_000_000_001, 20_000],
    [3, -0.0, None, None, None, None, None, None],
    [4, math.inf, 2.0, "é", True, b"\x00", -1, -1],
]


def table(rows=ROWS):
    columns = zip(*rows, strict=True)
    return pyarrow.table(
        {field.name: list(values) for field, values in zip(SCHEMA, columns, strict=True)},
        schema=SCHEMA,
    )


def difference(found, key=("n",)):
    return difference_of_rows(found, table(), list(key), ["loose"])


def with_value(row, column, value):
    rows = [list(one) for one in ROWS]
    rows[row][column] = value
    return table(rows)


def rows_are_compared():
    assert difference(table()) is None
    assert difference(table(ROWS[::-1])) is None, "the order does not matter"
    wider = pyarrow.table({
        name: table()[name].cast(pyarrow.large_string()) if name == "s" else table()[name]
        for name in SCHEMA.names
    })  # fmt: skip
    assert difference(wider) is None, "widths do not matter"
    for row, column, value in [
        (0, 1, 1.5000000000000002), (0, 1, None), (1, 1, 2.0), (2, 1, 0.0), (3, 1, -math.inf),
        (0, 2, 1e9 + 2), (2, 2, 0.0), (0, 3, "A"), (1, 3, None), (2, 3, ""), (3, 3, "e\u0301"),
        (0, 4, False), (2, 4, False), (1, 5, b"\xfe"), (0, 5, None), (0, 6, 2), (2, 6, 0),
        (1, 6, 1_700_000_000_000_000), (1, 7, 20_001), (2, 7, 0),
    ]:  # fmt: skip
        said = difference(with_value(row, column, value))
        assert said and SCHEMA.names[column] in said, (row, column, value, said)
    assert difference(with_value(0, 2, 1e9 + 0.1)) is None, "loose sums may differ by 1e-9"
    assert "3 rows" in difference(table(ROWS[:3]))
    assert "5 rows" in difference(table([*ROWS, ROWS[0]]))
    assert "no columns" in difference(table().drop(["s"]))
    as_bytes = table().set_column(3, "s", table()["s"].cast(pyarrow.binary()))
    assert "binary, not string" in difference(as_bytes)
    assert without_nan(table())["x"].null_count == 1


def aggregates_are_compared():
    questions = aggregates_of(table(), [])
    assert [terms for terms, _ in questions] == [
        [], [("x", ">=", -1e300), ("x", "<", 1e300)]
    ], "a column with NaN is asked about by itself"  # fmt: skip
    for _, asked in questions:
        due = [one.due for one in asked]
        assert difference_of_aggregates(due, asked) is None
        for place, one in enumerate(asked):
            wrong = list(due)
            wrong[place] = "z" if isinstance(one.due, str) else None
            assert difference_of_aggregates(wrong, asked), one
    total = Aggregate("sum", "x", 1.0, scale=1.0)
    assert difference_of_aggregates([1.0 + 1e-13], [total]) is None
    assert difference_of_aggregates([1.0 + 1e-9], [total])


def masks_know_nan_and_null():
    def held(*terms):
        return [i for i, one in enumerate(mask(table(), list(terms)).to_pylist()) if one]

    assert held(("x", "<", 2.0)) == [0, 2]
    assert held(("x", ">=", 2.0)) == [3], "NaN satisfies nothing"
    assert held(("s", "is null", None)) == [2]
    assert held(("s", "=", ""), ("b", "=", False)) == [1]
    assert held(("t", "<", EPOCH)) == [3]
    assert held(("d", "=", datetime.date(1970, 1, 1))) == [0]


def logs_are_read(folder):
    log = folder / "t" / "_delta_log"
    log.mkdir(parents=True)
    fields = [{"name": "n", "type": "long"}, {"name": "event_date", "type": "date"}]
    meta = {"schemaString": json.dumps({"fields": fields}), "partitionColumns": ["event_date"]}

    def add(name):
        values = {"event_date": "2026-01-01"}
        return {"add": {"path": name, "partitionValues": values, "stats": '{"numRecords": 2}'}}

    def commit(number, *actions):
        text = "\n".join(map(json.dumps, actions))
        (log / f"{number:020}.json").write_text(text, encoding="utf-8")

    commit(0, {"metaData": meta}, add("a%20b.parquet"), add("c.parquet"))
    commit(1, {"remove": {"path": "a%20b.parquet"}}, {"txn": {"appId": "p", "version": 7}})
    live = LiveTable(folder / "t")
    assert (live.version, live.row_count, live.transactions) == (1, 2, {"p": 7})
    assert live.files(event_date="2026-01-01") == [str(folder / "t/c.parquet")]
    assert live.files(event_date="2026-01-02") == []
    commit(3, add("d.parquet"))
    try:
        LiveTable(folder / "t")
    except ValueError as error:
        assert "commit 2 is missing" in str(error)
    else:
        raise AssertionError("a missing commit is found")


def opened_files_are_seen(folder):
    below = folder / "opened" / "event_date=2026-01-01"
    below.mkdir(parents=True)
    paths = [below / "a.parquet", below / "b.parquet", below / "c.crc"]
    for path in paths:
        path.write_bytes(b"PAR1")
    watch = OpenedFiles(folder / "opened")
    for path in (paths[1], paths[2]):
        path.read_bytes()
    assert watch.taken() == {str(paths[1])}
    assert watch.taken() == set()
    watch.close()


def self_test():
    rows_are_compared()
    aggregates_are_compared()
    masks_know_nan_and_null()
    with tempfile.TemporaryDirectory() as folder:
        logs_are_read(Path(folder))
        opened_files_are_seen(Path(folder))
    print("comparison: self-test passed")
