"""The same topics once more, by one run into a fresh root that nothing disturbs: to the last bit it
must come to the same rows, however often the first was killed, damaged or handed over.
"""

import copy
import json

import duckdb

from delta_tables import Table
from harness import require


def compare_with_undisturbed(scenario, root, config, without=(), where=None):
    """`config` is the path of the disturbed run's; all its tables are compared. The other run has
    its sections but for those of `without`. `where` maps a table to the condition that rows must
    meet to be compared."""
    disturbed = json.loads(config.read_text(encoding="utf-8"))
    fresh = copy.deepcopy(disturbed)
    for section in without:
        fresh.pop(section, None)
    undisturbed = scenario.folder / "undisturbed"
    fresh["storage"]["root"] = str(undisturbed)
    fresh["kafka"]["group"] = "undisturbed"
    fresh["lanes"] = 1
    scenario.catch_up(scenario.write_config(fresh, "undisturbed.yaml"), "--fire-open-windows")
    sources = [source["name"] for source in disturbed["sources"]]
    names = [f"readings_{source}" for source in sources]
    for name in [*names, "windows", "dead_letters", "anomalies"]:
        compare(scenario, name, root, undisturbed, (where or {}).get(name, "true"))
    return undisturbed


def compare(scenario, name, disturbed, undisturbed, condition="true"):
    """Both roots hold the same rows of that table, ids included."""
    connection = duckdb.connect()
    for root, view in ((disturbed, "disturbed"), (undisturbed, "undisturbed")):
        Table(root / "tables" / name).create_view(connection, view)
    described = connection.execute("DESCRIBE disturbed").fetchall()
    columns = ", ".join(
        # NaN equals nothing; its bits do.
        f'{"hash(" + column + ")" if kind in ("DOUBLE", "FLOAT") else column} AS "{column}"'
        for column, kind in ((row[0], row[1]) for row in described)
        if column != "filename"
    )
    counts = []
    for left, right in (("disturbed", "undisturbed"), ("undisturbed", "disturbed")):
        query = (
            f"SELECT {columns} FROM {left} WHERE {condition} "
            f"EXCEPT ALL SELECT {columns} FROM {right} WHERE {condition}"
        )
        counts.append(connection.execute(f"SELECT count(*) FROM ({query})").fetchone()[0])
    rows = connection.execute("SELECT count(*) FROM disturbed").fetchone()[0]
    scenario.note(f"{name}: {rows} rows, {counts[0]} and {counts[1]} on one side only")
    require(counts == [0, 0], f"{name} differs from the undisturbed run")
