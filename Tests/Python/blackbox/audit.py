"""`downlinkd verify` over what real processes leave: it holds while the pipeline runs, after every
kill, and after other programs have worked on the tables; and it names every damage done to a copy.

    audit.py [--seed N] [--quick]
"""

import json
import shutil
import subprocess
import time

from deltalake import DeltaTable

import fleet
import harness
from harness import EXIT_CONFIGURATION, EXIT_OK, EXIT_UNAVAILABLE, require

PARTITIONS = {fleet.SNAPSHOTS: 3, fleet.SAMPLES: 2}
EXIT_FINDINGS = 65
# Each leaves something of its own behind: a temporary file, orphans, a table that is owed an entry.
CRASH_POINTS = ["file_open", "files_closed", "log_put_after", "secondary_commit", "cut_taken"]


class Auditor:
    """Runs `downlinkd verify` and looks at what it says."""

    def __init__(self, scenario, config):
        self.scenario, self.config = scenario, config
        self.count = 0

    def run(self, *flags, config=None):
        """(exit code, what it said)."""
        self.count += 1
        command = [harness.binary(), "verify", "--config", config or self.config, *flags]
        done = subprocess.run(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout

    def holds(self, when, *flags, config=None):
        """The report as JSON; it must hold."""
        code, said = self.run("--json", *flags, config=config)
        require(code == EXIT_OK, f"verify found faults {when} (exit code {code}):\n{said[:3000]}")
        report = json.loads(said)
        require(report["holds"] and report["errors"] == 0, f"{when}: {said[:500]}")
        return report

    def finds(self, what, words, config):
        """It must say these words and end with the code of findings."""
        code, said = self.run(config=config)
        require(
            code == EXIT_FINDINGS and words in said and "DOES NOT HOLD" in said.split("\n")[0],
            f"{what}: no {words!r} (exit code {code}):\n{said[:3000]}",
        )


def first(root, pattern):
    return sorted(root.glob(pattern))[0]


def last(root, pattern):
    return sorted(root.glob(pattern))[-1]


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def newest_entry(root):
    return last(root, "_ledger/0*.json")


def change_newest_entry(root, change):
    """A lie with no checksum to tell: early programs wrote none."""
    path = newest_entry(root)
    entry = json.loads(path.read_text())
    entry.pop("checksum", None)
    change(entry)
    path.write_text(json.dumps(entry, separators=(",", ":"), ensure_ascii=False))


def entry_before_newest(root):
    return sorted(root.glob("_ledger/0*.json"))[-2]


def current_states(root):
    """Snapshots that the newest entries of the chain brought, newest last."""
    moves = [move for entry in harness.ledger_entries(root) for move in entry.get("partitions", [])]
    return [root / move["state"]["path"] for move in moves if "state" in move]


# Each damage: what it is, what it does to a root, and the words the verdict must contain.
DAMAGE = [
    ("an entry is gone", lambda r: entry_before_newest(r).unlink(), "is missing, though"),
    ("an entry is cut short", lambda r: cut(newest_entry(r)), "cannot read"),
    ("an entry has another byte", lambda r: flip(newest_entry(r)), " error"),
    ("an entry lies about its base",
     lambda r: change_newest_entry(r, lambda e: e["partitions"][0].update(prev=1)), "[I2]"),
    ("an entry takes an offset twice",
     lambda r: change_newest_entry(r, lambda e: e["partitions"][0].update(
         {"from": e["partitions"][0]["from"] - 1})), "the chain stands at offset"),
    ("an entry counts a record twice",
     lambda r: change_newest_entry(r, lambda e: e["counters"].update(
         records_read=e["counters"].get("records_read", 0) + 1)), "does not add up"),
    ("a data file is gone",
     lambda r: first(r, "tables/readings_*/event_date=*/*.parquet").unlink(), "it is missing"),
    ("a data file is cut short",
     lambda r: cut(first(r, "tables/windows/event_date=*/*.parquet")), "bytes, the log says"),
    ("a data file has another byte",
     lambda r: flip(first(r, "tables/readings_*/event_date=*/*.parquet")), "its checksum is"),
    ("a state snapshot is gone", lambda r: current_states(r)[-1].unlink(), "the newest state of"),
    ("a state snapshot has another byte",
     lambda r: flip(current_states(r)[-1]), "the newest state of"),
    ("a commit of a table is gone",
     lambda r: sorted(r.glob("tables/windows/_delta_log/*.json"))[1].unlink(), "is missing"),
    ("a commit of a table is cut short",
     lambda r: cut(last(r, "tables/windows/_delta_log/*.json")), "cannot read commit"),
    ("a table is of another ledger", lambda r: another_ledger(r), "belongs to another ledger"),
    ("the ledger is gone", lambda r: shutil.rmtree(r / "_ledger"), "the chain has no such table"),
]  # fmt: skip


def another_ledger(root):
    for path in sorted(root.glob("tables/gaps/_delta_log/*.json")):
        path.write_text(path.read_text().replace('"appId":"blackbox/', '"appId":"blackbox/0'))


def copy_of(scenario, root, config, name):
    """A copy of the root and a configuration that points at it."""
    target = scenario.folder / name
    shutil.copytree(root, target)
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings["storage"]["root"] = str(target)
    return target, scenario.write_config(settings, f"{name}.yaml")


def while_it_runs(scenario, auditor, daemon):
    """Audits one after the other over a pipeline that commits every second."""
    count = 4 if scenario.is_quick else 12
    versions = set()
    index = 0
    ends = time.monotonic() + 30
    # An audit may be quicker than a commit interval: until the chain has moved below them.
    while index < count or (len(versions) < 2 and time.monotonic() < ends):
        report = auditor.holds("while the pipeline runs", *(["--quick"] if index % 3 == 2 else []))
        versions.add(report["figures"]["last_version"])
        index += 1
    auditor.holds("while the pipeline runs", "--brokers")
    require(daemon.is_running, "the pipeline has ended meanwhile")
    require(len(versions) > 1, f"the chain stood still at {versions}")
    scenario.note(f"{count + 1} audits hold while the chain moves from {min(versions)} on")


def after_kills(scenario, auditor, config):
    """Whatever a killed process leaves holds; what it is worth is said in notes."""
    seen = {}
    points = CRASH_POINTS[:3] if scenario.is_quick else CRASH_POINTS
    for point in points:
        daemon = scenario.daemon(config, crash_point=f"{point}:2")
        require(daemon.wait(90) == -9, f"{daemon.name} did not die at {point}")
        report = auditor.holds(f"after a kill at {point}")
        figures = report["figures"]
        owed = sum(table["owed_entries"] for table in figures["tables"])
        seen[point] = {
            "orphans": figures["orphans"]["files"], "undecided": figures["undecided"]["files"],
            "unfinished": figures["unfinished"]["files"], "owed": owed,
        }  # fmt: skip
        scenario.note(f"killed at {point}: {seen[point]}")
    require(seen["file_open"]["unfinished"] > 0, "a temporary file is left and noted")
    require(seen["files_closed"]["undecided"] > 0, "files that nothing names are left and noted")
    require(seen["log_put_after"]["owed"] > 0, "the tables are owed an entry, and that is noted")


def damaged(scenario, auditor, root, config):
    for number, (what, damage, words) in enumerate(DAMAGE):
        target, settings = copy_of(scenario, root, config, f"damaged-{number}")
        damage(target)
        auditor.finds(what, words, settings)
        shutil.rmtree(target)
    scenario.note(f"{len(DAMAGE)} kinds of damage found and named")


def other_programs(scenario, auditor, root, config):
    target, settings = copy_of(scenario, root, config, "optimized")
    table = DeltaTable(str(target / "tables" / "windows"))
    table.optimize.compact()
    report = auditor.holds("after OPTIMIZE", config=settings)
    (windows,) = [t for t in report["figures"]["tables"] if t["table"] == "windows"]
    require(windows["removed_files"] > 0 and windows["foreign_commits"] > 0, f"{windows}")
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    auditor.holds("after VACUUM", config=settings)
    DeltaTable(str(target / "tables" / "windows")).delete("revision = 0")
    auditor.holds("after DELETE", config=settings)
    scenario.note("what OPTIMIZE, VACUUM and DELETE did to a table is no fault")


def exit_codes(scenario, auditor, config):
    settings = json.loads(config.read_text(encoding="utf-8"))

    def code_of(name, *flags, **changes):
        path = scenario.write_config({**settings, **changes}, name)
        return auditor.run(*flags, config=path)[0]

    nowhere = {**settings["storage"], "root": str(scenario.folder / "nowhere")}
    require(code_of("a.yaml", storage=nowhere) == EXIT_UNAVAILABLE, "a root that is not there")
    require(not (scenario.folder / "nowhere").exists(), "an audit makes no root")
    require(code_of("b.yaml", pipeline="other") == EXIT_CONFIGURATION, "another pipeline's root")
    require(code_of("c.yaml", pipelin="other") == EXIT_CONFIGURATION, "a configuration with faults")


def brokers_differ(scenario, auditor, config):
    """The brokers are away; then others are there, with topics of the same names."""
    broker = scenario.processes[0]
    broker.kill()
    code, said = auditor.run("--brokers")
    require(code == EXIT_UNAVAILABLE, f"brokers away: exit code {code}: {said[:500]}")
    (scenario.folder / "broker.port").unlink()
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings["kafka"]["brokers"] = scenario.broker(**PARTITIONS).split(",")
    code, said = auditor.run("--brokers", config=scenario.write_config(settings, "other.yaml"))
    require(code == EXIT_FINDINGS and "the brokers are cluster" in said, f"exit code {code}: {said[:2000]}")
    scenario.note("another cluster is named")


def compare_rows(report, root):
    """The figures are those of an engine."""
    for table in report["figures"]["tables"]:
        there = DeltaTable(str(root / "tables" / table["table"]))
        count = there.to_pyarrow_dataset().count_rows()
        require(table["rows"] == count, f"{table['table']}: {table['rows']} rows, not {count}")
        files = len(there.file_uris())
        require(table["files"] == files, f"{table['table']}: {table['files']} files, not {files}")


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    sections = {**fleet.fleet_sections(), "detectors": fleet.DETECTORS}
    settings = harness.base_config(brokers, root, **sections)
    settings["storage"]["commit"] = {"interval": "1s"}
    config = scenario.write_config(settings)
    auditor = Auditor(scenario, config)
    producer = fleet.Producer(brokers, scenario.folder / "produced.jsonl", PARTITIONS)
    steady = fleet.SteadyProducer(producer, fleet.Fleet(scenario.arguments.seed), 250, 60_000)
    daemon = scenario.daemon(config)
    daemon.wait_for_log('"committed"')
    # Past the first summary.
    harness.wait_for(
        "forty commits", lambda: harness.ledger_entries(root)[-1]["version"] > 40, pause=0.5
    )
    while_it_runs(scenario, auditor, daemon)
    require(daemon.kill(), f"{daemon.name} had ended with {daemon.code}")
    auditor.holds("after a kill")
    after_kills(scenario, auditor, config)
    steady.stop()
    scenario.catch_up(config)
    report = auditor.holds("at the end", "--brokers")
    require(report["figures"]["orphans"]["files"] > 0, "what was undecided is proven orphans now")
    require(all(not t["owed_entries"] for t in report["figures"]["tables"]), "nothing is owed")
    compare_rows(report, root)
    code, said = auditor.run()
    require(code == EXIT_OK and said.startswith("pipeline blackbox: everything holds\n"), said)
    print("\n".join("  " + line for line in said.split("\n")[:60]))
    other_programs(scenario, auditor, root, config)
    damaged(scenario, auditor, root, config)
    exit_codes(scenario, auditor, config)
    started = time.monotonic()
    auditor.holds("once more")
    scenario.note(f"{auditor.count} audits; the last took {time.monotonic() - started:.2f} s")
    brokers_differ(scenario, auditor, config)


if __name__ == "__main__":
    harness.main(run)
