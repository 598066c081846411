"""The pipeline under the readers: a broker, a fleet, `downlinkd run`, and what tables must hold.

Everything it does to the tables it does to the truth too.
"""

import datetime
import json
import signal
import urllib.request

import deltalake

import harness
from harness import Failure, require, wait_for
from live_table import LiveTable
from truth import COLUMNS, Truth
from typed_fleet import DETECTORS, EVENT_TIME, PARTITIONS, WINDOWS, TypedFleet
from typed_fleet import descriptor_set, sources

DAY = datetime.timedelta(days=1)


class Pipeline:
    def __init__(self, scenario, devices, first_day):
        """`first_day` is the date of the first readings."""
        self.scenario = scenario
        self.root = scenario.folder / "root"
        self.first_day = first_day
        brokers = scenario.broker(**PARTITIONS)
        number = (first_day - datetime.date(1970, 1, 1)).days
        self.fleet = TypedFleet(scenario.arguments.seed, number, devices, brokers)
        self.config = harness.base_config(
            brokers, self.root, self.sources(1), windows=WINDOWS, detectors=DETECTORS,
            event_time=EVENT_TIME,
        )  # fmt: skip
        # In the stages that are about it.
        self.config["maintenance"] = {"enabled": False}
        # Small, so that what is compacted has several row groups.
        self.config["storage"]["parquet"] = {"row_group_rows": 1000}
        self.truth = Truth(self.config)
        self.path = scenario.write_config(self.config)
        self.daemon = scenario.daemon(self.path)
        self.is_stopped = False
        self.positions = {}
        self.day = 0

    def sources(self, version):
        path = self.scenario.folder / f"report-{version}.binpb"
        path.write_bytes(descriptor_set(version).SerializeToString())
        return sources(path, version)

    def date(self, day):
        return self.first_day + day * DAY

    def table(self, name):
        return self.root / "tables" / name

    # ---- the pipeline goes on

    def produce_day(self, rounds=3):
        """A day in four commits or more."""
        for half in (0, 1):
            records = list(self.fleet.half_day(self.day, half, rounds))
            middle = len(records) // 2
            for part in (records[:middle], records[middle:]):
                batch = self.fleet.send(part)
                self.truth.take(batch)
                for sent in batch:
                    key = (sent.topic, sent.partition)
                    self.positions[key] = max(self.positions.get(key, 0), sent.offset + 1)
                wait_for("what was sent is committed", self.is_committed)
        self.day += 1

    def is_committed(self):
        self.require_running()
        found = {}
        for entry in harness.ledger_entries(self.root):
            for move in entry.get("partitions", []):
                found[(move["topic"], move["partition"])] = move["to"]
        return found == self.positions

    def require_running(self):
        daemon = self.daemon
        is_well = daemon.is_running or self.is_stopped
        require(is_well, f"it ended with {daemon.code}:\n{daemon.last_lines()}")

    def settle(self):
        """Waits until the logs say as many rows as are due; returns the tables. What is still
        wrong after a while is a finding of its own, in sentences."""
        last = {}

        def settled():
            self.require_running()
            last.clear()
            for name in self.truth.tables:
                last[name] = LiveTable(self.table(name))
            return all(live.row_count == self.truth.tables[name].num_rows
                       for name, live in last.items())  # fmt: skip

        faults = []
        try:
            wait_for("the logs say what is due", settled, seconds=20, pause=0.3)
        except Failure:
            faults = [
                f"{name}: the log says {live.row_count} rows, due are {due}"
                for name, live in last.items()
                if live.row_count != (due := self.truth.tables[name].num_rows)
            ]
            if not faults:
                raise
        return last, faults

    # ---- what is done to it

    def status(self):
        event = next(iter(self.daemon.events("starting")), None)
        with urllib.request.urlopen(f"http://{event['http']}/status", timeout=5) as answer:
            return json.load(answer)

    def reload(self):
        """The configuration as it is now; it must be taken."""
        self.scenario.write_config(self.config)
        before = self.status()["reload"]["accepted"] + self.status()["reload"]["refused"]
        self.daemon.send(signal.SIGHUP)

        def answered():
            found = self.status()["reload"]
            return found["accepted"] + found["refused"] > before and found["last"]

        last = wait_for("the reload is answered", answered)
        require(last["accepted"], f"the reload is refused: {last['detail']}")

    def maintain(self, **options):
        """The service does maintenance from now on, at once."""
        self.config["maintenance"] = {"enabled": True, "compact": False, "settle": "0s", **options}
        self.reload()

    def rest(self):
        """And none from now on."""
        self.config["maintenance"] = {"enabled": False}
        self.reload()

    def stop(self):
        """In order; once is enough."""
        self.is_stopped = True
        code = self.daemon.stop()
        require(code == harness.EXIT_OK, f"it ended with {code}:\n{self.daemon.last_lines()}")

    def restart(self):
        self.stop()
        self.is_stopped = False
        self.daemon = self.scenario.daemon(self.path)
        wait_for("it runs again", lambda: self.daemon.events("starting"))

    def wait_for_tables(self, what, holds, seconds=harness.PATIENCE):
        """Until `holds` is true of each table that has files."""
        left = []

        def all_hold():
            self.require_running()
            tables = [LiveTable(self.table(name)) for name in COLUMNS]
            left[:] = [live.name for live in tables if live.adds and not holds(live)]
            return not left

        try:
            wait_for(what, all_hold, seconds, pause=0.3)
        except Failure as failure:
            raise Failure(f"{failure}: not so in {left}") from None

    def keep_logs_for(self, interval):
        """Another engine sets the property of every table."""
        for name in COLUMNS:
            properties = {"delta.logRetentionDuration": interval}
            deltalake.DeltaTable(str(self.table(name))).alter.set_table_properties(properties)

    def start(self, *words):
        return self.scenario.start(f"command-{len(self.scenario.processes)}", *words)

    def command(self, *words):
        """Another process of the program beside the one that runs; it must succeed."""
        process = self.start(*words)
        code = process.wait()
        require(code == 0, f"{words[0]} ended with {code}:\n{process.last_lines()}")
        return process.log()
