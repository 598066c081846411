"""`downlinkd tables`, `compact` and `vacuum` as processes: what they say for people and for programs,
a dry run that changes nothing, a lock that the service holds, tables that another engine has
optimised, damage, and the exit code of each.

    upkeep.py [--seed N] [--quick]
"""

import datetime
import json
import os
import re
import shutil
import subprocess

from deltalake import DeltaTable

import fleet
import harness
from delta_tables import Table, connect
from harness import EXIT_CONFIGURATION, EXIT_OK, EXIT_UNAVAILABLE, require, wait_for

PARTITIONS = {fleet.SNAPSHOTS: 2, fleet.SAMPLES: 2}
USAGE, FINDINGS = 64, 65
EXPIRED, KEPT = "2025-12-31", "2026-01-01"
EXPIRING = "readings_snapshots"
OTHERS = "readings_samples"
DAY_SECONDS = 86_400


class Commands:
    def __init__(self, scenario, config, root):
        self.scenario, self.config, self.root = scenario, config, root

    def __call__(self, *words, code=EXIT_OK, place=None):
        """(standard output, standard error) of a command that must end with the code."""
        place = ("--config", self.config) if place is None else place
        done = subprocess.run(
            [harness.binary(), *map(str, [*words, *place])], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
            cwd=self.scenario.folder,
        )  # fmt: skip
        said = done.stdout + done.stderr
        require(done.returncode == code, f"{words} ended with {done.returncode}:\n{said}")
        return done.stdout, done.stderr

    def json(self, *words, **options):
        return json.loads(self(*words, "--json", **options)[0])


def keep_text():
    """How long rows are kept: the expired date ended one hour earlier."""
    end = datetime.datetime.fromisoformat(EXPIRED).replace(tzinfo=datetime.timezone.utc)
    age = datetime.datetime.now(datetime.timezone.utc) - end - datetime.timedelta(days=1)
    return f"{int(age.total_seconds() // 3600) - 1}h"


def table_path(root, name):
    return root / "tables" / name


def tree(root):
    """{path: size and time of change} of everything below; what a dry run must not touch."""
    return {
        path: (found.st_size, found.st_mtime_ns)
        for path in sorted(root.rglob("*")) if path.is_file() and (found := path.stat())
    }  # fmt: skip


def rows(root):
    """{table: its rows as DuckDB and three others count them, and a sum over what they hold}."""
    connection = connect()
    found = {}
    for path in sorted((root / "tables").iterdir()):
        table = Table(path)
        faults = table.faults(connection)
        require(not faults, f"readers find faults: {faults}")
        table.create_view(connection, "all_rows")
        names = [f'"{name}"' for name in table.columns]
        found[path.name] = connection.execute(
            f"SELECT count(*), sum(hash({', '.join(names)})::hugeint) FROM all_rows"
        ).fetchone()
    return found


def files_by_date(root, name):
    counts = {}
    for path, _, _ in Table(table_path(root, name)).files():
        date = path.split("/")[0].removeprefix("event_date=")
        counts[date] = counts.get(date, 0) + 1
    return counts


# ---- tables


def list_tables(run, root):
    shown = run.json("tables")
    text, _ = run("tables")
    by_root = run.json("tables", place=("--root", root))
    shown.pop("written_at", None), by_root.pop("written_at", None)
    names = sorted(path.name for path in (root / "tables").iterdir())
    require([one["name"] for one in shown["tables"]] == names, f"other tables: {shown}")
    require(by_root["tables"] == shown["tables"], "--root and --config say different things")
    for entry in shown["tables"]:
        table = DeltaTable(str(root / entry["path"]))
        require(entry["table_version"] == table.version(), f"{entry['name']}: version")
        require(entry["files"] == len(table.file_uris()), f"{entry['name']}: files")
        line = next(line for line in text.splitlines() if line.split()[:1] == [entry["name"]])
        require(line.split()[1:3] == [str(entry["table_version"]), str(entry["files"])], line)
    columns = run.json("tables", "windows")["columns"]
    fields = [field.name for field in DeltaTable(str(table_path(root, "windows"))).schema().fields]
    require([column["name"] for column in columns] == fields, f"{columns}")
    text, _ = run("tables", "windows")
    require([line.split()[0] for line in text.splitlines()[1:]][-len(fields):] == fields, text)


def refuse_tables(scenario, run, root):
    _, said = run("tables", "window", code=EXIT_UNAVAILABLE)
    require("no table" in said and "window" in said, said)
    _, said = run("tables", place=("--root", scenario.folder / "nowhere"), code=EXIT_UNAVAILABLE)
    require("nowhere" in said, said)
    run("tables", place=("--config", scenario.folder / "nothing.yaml"), code=EXIT_CONFIGURATION)
    # One log is damaged: the others are listed, and the code says that something was found.
    copy = scenario.folder / "damaged"
    shutil.copytree(root, copy)
    log = table_path(copy, "windows") / "_delta_log"
    newest = sorted(path for path in log.iterdir() if re.fullmatch(r"\d{20}\.json", path.name))[-1]
    newest.write_text('{"add":', "utf-8")
    place = ("--root", copy)
    out, said = run("tables", place=place, code=FINDINGS)
    require("windows" in said and "anomalies" in out, f"{out}{said}")
    run("tables", "windows", place=place, code=FINDINGS)
    run("tables", "anomalies", place=place)
    shutil.rmtree(copy)


# ---- compact


def compact_dry(run, root):
    before, due = tree(root), files_by_date(root, EXPIRING)
    planned = run.json("compact", "--dry-run", "--table", EXPIRING)
    require(planned["dry_run"] and planned["groups"], f"{planned}")
    require({one["outcome"] for one in planned["groups"]} == {"planned"}, f"{planned}")
    found = {one["date"]: one["files"] for one in planned["groups"]}
    require(found == {date: due[date] for date in found}, f"{found}, there are {due}")
    require(all(due[date] == 1 for date in due if date not in found), f"{found}, {due}")
    text, _ = run("compact", "--dry-run", "--table", EXPIRING, "--date", KEPT)
    require(text == f"{EXPIRING} {KEPT}: {due[KEPT]} files, " + text.split(", ")[1], text)
    require(text.endswith("would be one\n"), text)
    require(tree(root) == before, "a dry run of compact has changed something")


def compact_waits(scenario, run, config):
    """The service is in the midst of a pass, and stays there."""
    hangs = json.loads(config.read_text("utf-8"))
    hangs["maintenance"] = {"enabled": True, "log_checkpoint": 2}
    hangs.pop("tables", None)
    path = scenario.write_config(hangs, "hangs.yaml")
    daemon = scenario.daemon(path, crash_point="maintenance_checkpoint_written:1:hang")
    lock = run.root / "_maintenance/lock"
    wait_for("the service holds the lock", lambda: lock.exists() and lock.stat().st_size > 0)
    wait_for("it is at work", lambda: list(run.root.glob("tables/*/_delta_log/*.checkpoint.*")))
    _, said = run("compact", "--wait", "1", code=EXIT_UNAVAILABLE)
    require(f"process {daemon.popen.pid} on" in said and "try again later" in said, said)
    # A dry run needs no lock, nor does vacuum: whoever does the same finds less to do.
    require(run.json("compact", "--dry-run")["groups"], "nothing is to be merged")
    run("vacuum", "--dry-run")
    require(daemon.kill(), f"{daemon.name} ended with {daemon.code} before it was killed")


def compact(run, root):
    whole, before = rows(root), files_by_date(root, EXPIRING)
    text, _ = run("compact", "--table", EXPIRING, "--date", KEPT)
    version = DeltaTable(str(table_path(root, EXPIRING))).version()
    words = rf"{EXPIRING} {KEPT}: {before[KEPT]} files, \d+ bytes → one of \d+ bytes, \d+ rows, "
    require(re.fullmatch(f"{words}version {version}\n", text), text)
    after = files_by_date(root, EXPIRING)
    require(after == {**before, KEPT: 1}, f"{before} became {after}")
    done = run.json("compact")
    require({one["outcome"] for one in done["groups"]} == {"merged"}, f"{done}")
    for name in whole:
        if name != "devices":
            counts = files_by_date(root, name)
            require(max(counts.values(), default=1) == 1, f"{name}: {counts}")
    require(rows(root) == whole, "compact has changed rows")
    require(run("compact")[0] == "nothing to merge\n", "it merges what is merged")
    require(run.json("compact") == {"dry_run": False, "groups": []}, "it merges what is merged")


def compact_beside_another_engine(scenario, run, root, produce):
    """What deltalake has merged stays as it is; what came later is merged, and all rows are there."""
    produce()
    table = DeltaTable(str(table_path(root, OTHERS)))
    merged = table.optimize.compact()
    require(merged["numFilesRemoved"] > 1, f"{merged}")
    # Of each date two files of ours at least.
    produce()
    produce()
    whole = rows(root)
    table = DeltaTable(str(table_path(root, OTHERS)))
    theirs = {uri for uri in table.file_uris() if "/part-" in uri}
    require(theirs, "deltalake's files are not there")
    done = run.json("compact", "--table", OTHERS)
    require({one["outcome"] for one in done["groups"]} == {"merged"}, f"{done}")
    left = set(DeltaTable(str(table_path(root, OTHERS))).file_uris())
    require(theirs <= left, f"files of another engine were merged: {theirs - left}")
    ours = [uri for uri in left - theirs]
    dates = [uri.split("event_date=")[1].split("/")[0] for uri in ours]
    require(len(dates) == len(set(dates)), f"small files are left: {dates}")
    require(rows(root) == whole, "compact has changed rows")
    listed = {one["name"]: one for one in run.json("tables")["tables"]}
    require(listed[OTHERS]["rows"] == whole[OTHERS][0], f"{listed[OTHERS]}")
    scenario.note(f"{len(theirs)} files of deltalake stay, {len(ours)} of ours are merged")


def refuse_compact(scenario, run, root):
    _, said = run("compact", "--table", "reading_samples", code=USAGE)
    require("readings_samples" in said, said)
    run("compact", "--date", "yesterday", code=USAGE)
    run("compact", "--wait", "-1", code=USAGE)
    run("compact", "--root", root, code=USAGE)
    run("compact", place=("--config", scenario.folder / "nothing.yaml"), code=EXIT_CONFIGURATION)
    # A root that is not there is not made.
    nowhere = scenario.folder / "nowhere"
    run("compact", place=("--root", nowhere), code=EXIT_CONFIGURATION)
    config = json.loads(run.config.read_text("utf-8"))
    config["storage"]["root"] = str(nowhere)
    path = scenario.write_config(config, "nowhere.yaml")
    for command in ("compact", "vacuum"):
        _, said = run(command, place=("--config", path), code=EXIT_CONFIGURATION)
        require("storage.root" in said, said)
    require(not nowhere.exists(), "a root was made")


# ---- vacuum


def leave_orphans(scenario, config, root, produce):
    """Files that a kill leaves, old enough to be taken for such; one of somebody else."""
    known = set(root.glob("tables/*/*/*.parquet"))
    produce(catch_up=False)
    daemon = scenario.daemon(config, crash_point="files_closed:1")
    daemon.wait(120)
    orphans = set(root.glob("tables/*/*/*.parquet")) - known
    require(orphans, f"the kill has left nothing:\n{daemon.last_lines()}")
    scenario.catch_up(config)
    produce()
    past = datetime.datetime.now().timestamp() - 2 * DAY_SECONDS
    for path in orphans:
        os.utime(path, (past, past))
    theirs = next(iter(orphans)).parent / "part-00000-of-nobody.parquet"
    theirs.write_bytes(b"PAR1PAR1")
    return orphans, theirs


def vacuum(scenario, run, config, root, produce):
    orphans, theirs = leave_orphans(scenario, config, root, produce)
    # What was merged before is deleted at once: the tables say so themselves.
    for name in (EXPIRING, OTHERS):
        DeltaTable(str(table_path(root, name))).alter.set_table_properties(
            {"delta.deletedFileRetentionDuration": "interval 0 seconds"}
        )
    whole, before = rows(root), tree(root)
    planned = run.json("vacuum", "--dry-run")
    text, _ = run("vacuum", "--dry-run")
    require(tree(root) == before, "a dry run of vacuum has changed something")
    check_vacuum(planned, orphans, root)
    for item in planned["items"]:
        require(f"{item['kind']}  {item['path']}  " in text, f"{item} is not in {text}")
    require("would be orphans deleted: " in text and "1 files are not ours: they stay" in text, text)

    one = run.json("vacuum", "--table", OTHERS)
    require({item["table"] for item in one["items"]} == {OTHERS}, f"{one}")
    text, _ = run("vacuum")
    require(re.search(r"^files of expired dates removed from their tables: \d+", text, re.M), text)
    # What has expired just now is not deleted with it, but by the next: its tombstone is young.
    again = run.json("vacuum")
    kinds = {item["kind"] for item in again["items"]}
    require(kinds <= {"removed"}, f"{again}")
    require(run("vacuum")[0].splitlines()[0] == "nothing is to be done", "it does it all again")

    require(theirs.exists(), "a file of somebody else was deleted")
    theirs.unlink()
    left = [path for path in orphans if path.exists()]
    require(not left, f"orphans are left: {left}")
    named = {name: {path for path, _, _ in Table(table_path(root, name)).files()}
             for name in (EXPIRING, OTHERS)}  # fmt: skip
    for name, paths in named.items():
        there = {str(path.relative_to(table_path(root, name)))
                 for path in table_path(root, name).glob("*/*.parquet")}  # fmt: skip
        require(there == paths, f"{name}: {there ^ paths}")
    after = rows(root)
    gone = {name for name in whole if whole[name] != after[name]}
    require(gone == {EXPIRING}, f"rows of {gone} have changed")
    require(EXPIRED not in files_by_date(root, EXPIRING), "the expired date is there")
    require(KEPT in files_by_date(root, EXPIRING), "a date that is kept is gone")
    scenario.note(f"vacuum: {len(planned['items'])} things, {len(orphans)} of them orphans")


def check_vacuum(planned, orphans, root):
    by_kind = {}
    for item in planned["items"]:
        by_kind.setdefault(item["kind"], []).append(item)
    found = {root / item["path"] for item in by_kind.get("orphan", []) if item["table"]}
    require(orphans <= found, f"orphans not seen: {orphans - found}")
    require(planned["foreign_files"] == 1, f"{planned['foreign_files']} foreign files")
    expired = by_kind.get("expired", [])
    require(any(item["path"].endswith(EXPIRED) for item in expired), f"{expired}")
    require({item["table"] for item in expired} == {EXPIRING}, f"{expired}")
    require(by_kind.get("removed"), "nothing that was merged is deleted")
    require(planned["troubles"] == [], f"{planned['troubles']}")


def refuse_vacuum(scenario, run, root, produce):
    _, said = run("vacuum", "--table", "window", code=USAGE)
    require("windows" in said, said)
    run("vacuum", place=(), code=USAGE)
    run("vacuum", place=("--config", scenario.folder / "nothing.yaml"), code=EXIT_CONFIGURATION)
    # Rows that somebody wants to be kept for ever: said, with the code of a fault of the world.
    table = DeltaTable(str(table_path(root, EXPIRING)))
    table.alter.set_table_properties({"delta.appendOnly": "true"})
    produce(date=EXPIRED)
    require(EXPIRED in files_by_date(root, EXPIRING), "nothing came late")
    out, _ = run("vacuum", code=EXIT_UNAVAILABLE)
    require(f"not done  {EXPIRING}: " in out and "appendOnly" in out, out)
    found = run.json("vacuum", code=EXIT_UNAVAILABLE)
    require([one["table"] for one in found["troubles"]] == [EXPIRING], f"{found}")
    require(EXPIRED in files_by_date(root, EXPIRING), "rows were removed")


# ---- the scenario


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    sections = {
        **fleet.fleet_sections(), "detectors": fleet.DETECTORS,
        "tables": {EXPIRING: {"keep": keep_text()}}, "maintenance": {"enabled": False},
    }  # fmt: skip
    config = scenario.write_config(harness.base_config(brokers, root, **sections))
    producer = fleet.Producer(brokers, scenario.folder / "produced.jsonl", PARTITIONS)
    made = fleet.Fleet(scenario.arguments.seed)

    def produce(count=1_500, catch_up=True, date=None):
        if date:
            past = fleet.Fleet(scenario.arguments.seed + 1)
            producer.send_all(past, count)
        else:
            producer.send_all(made, count)
        if catch_up:
            scenario.catch_up(config)

    # The fleet's midnight lies within the first of these.
    produce(48_000)
    for _ in range(2):
        produce()
    commands = Commands(scenario, config, root)
    list_tables(commands, root)
    refuse_tables(scenario, commands, root)
    compact_dry(commands, root)
    refuse_compact(scenario, commands, root)
    compact_waits(scenario, commands, config)
    compact(commands, root)
    compact_beside_another_engine(scenario, commands, root, produce)
    vacuum(scenario, commands, config, root, produce)
    list_tables(commands, root)
    refuse_vacuum(scenario, commands, root, produce)
    harness.call([harness.binary(), "verify", "--config", config])
    scenario.note("tables, compact and vacuum do what they say, and verify holds")


if __name__ == "__main__":
    harness.main(run)
