"""Kills the program again and again, at random moments and at every named crash point, while a
fleet produces; then nothing may be lost, doubled or different.

    kill_loop.py [--kills 50] [--seed N] [--quick]

The crash points are read from Sources/Base/CrashPoint.swift, so that none is forgotten. Most
kills wait for a commit of the run they end; at least four of five come after the chain's first.
"""

import collections
import re
import signal
import time

import fleet
import harness
from harness import ORACLES, require
from undisturbed import compare_with_undisturbed

PARTITIONS = {fleet.SNAPSHOTS: 4, fleet.SAMPLES: 4}
# A broker keeps 5 MiB of a partition; a record is below 300 bytes with its share of the batch.
RECORD_LIMIT = 80_000
SECONDS_A_KILL = 7
# These lie on the way out: the run is asked to stop and dies there.
STOPPING_POINTS = {"revoke_start", "shutdown_drain"}
# Who dies at one of these has committed.
COMMITTING_POINTS = STOPPING_POINTS | {
    "log_put_after", "secondary_commit", "group_commit_before", "group_commit_after",
}  # fmt: skip


def crash_points():
    source = ORACLES.parents[1] / "Sources/Base/CrashPoint.swift"
    names = re.findall(r'^  case \w+ = "(\w+)"$', source.read_text(encoding="utf-8"), re.M)
    require(len(names) > 5, f"no crash points in {source}")
    # Those of maintenance need tables that are due for it.
    return [name for name in names if not name.startswith("maintenance_")]


class KillLoop:
    def __init__(self, scenario, config, root):
        self.scenario, self.config, self.root = scenario, config, root
        self.random = scenario.random
        self.hits = collections.Counter()
        self.after_first_commit = 0
        self.after_own_commit = 0

    def has_committed(self, daemon):
        return daemon.has_logged('"committed"')

    def wait_for_commit(self, daemon):
        daemon.wait_for_log('"committed"', 60)

    def note_kill(self, daemon, what):
        self.hits[what] += 1
        self.after_first_commit += harness.commit_count(self.root) > 0
        self.after_own_commit += self.has_committed(daemon)
        for event in daemon.events():
            require(event.get("level") != "critical", f"{daemon.name} said {event}")

    def kill_at_random(self):
        daemon = self.scenario.daemon(self.config)
        # One in six dies on its way up, the others at work.
        if self.random.random() < 1 / 6:
            time.sleep(self.random.uniform(0, 3))
        else:
            self.wait_for_commit(daemon)
            time.sleep(self.random.uniform(0, 2.5))
        require(daemon.kill(), f"{daemon.name} ended with {daemon.code} before it was killed")
        self.note_kill(daemon, "random moment")

    def kill_at(self, point):
        count = 1 if point in STOPPING_POINTS else self.random.randrange(1, 5)
        daemon = self.scenario.daemon(self.config, crash_point=f"{point}:{count}")
        if point in STOPPING_POINTS:
            self.wait_for_commit(daemon)
            time.sleep(self.random.uniform(0, 1.5))
            daemon.send(signal.SIGTERM)
        code = daemon.wait(90)
        require(
            code == -signal.SIGKILL,
            f"{daemon.name} ended with {code}, not at {point}:{count}:\n{daemon.last_lines()}",
        )
        self.note_kill(daemon, point)

    def run(self, kills):
        points = crash_points()
        plan = points + (points if kills >= 3 * len(points) else [])
        plan += [None] * max(0, kills - len(plan))
        self.random.shuffle(plan)
        # One of the first three brings the chain's first commit about, for the others to come after.
        if not COMMITTING_POINTS & set(plan[:3]):
            place = next(index for index in range(len(plan)) if plan[index] in COMMITTING_POINTS)
            plan[2], plan[place] = plan[place], plan[2]
        for point in plan:
            if point is None:
                self.kill_at_random()
            else:
                self.kill_at(point)
        return points


def run(scenario):
    kills = scenario.arguments.kills or (12 if scenario.is_quick else 50)
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    # The points of the table devices are met as often as the others.
    sections = {
        **fleet.fleet_sections(), "detectors": fleet.DETECTORS,
        "tables": {"devices": {"every": "1s"}},
    }  # fmt: skip
    config = scenario.write_config(harness.base_config(brokers, root, **sections))
    produced = scenario.folder / "produced.jsonl"
    producer = fleet.Producer(brokers, produced, PARTITIONS)
    rate = min(300, RECORD_LIMIT / (kills * SECONDS_A_KILL))
    made = fleet.Fleet(scenario.arguments.seed)
    steady = fleet.SteadyProducer(producer, made, rate, RECORD_LIMIT)
    loop = KillLoop(scenario, config, root)
    points = loop.run(kills)
    steady.stop()
    scenario.catch_up(config, "--fire-open-windows")

    print("  crash point              times hit")
    for point in points + ["random moment"]:
        print(f"  {point:<24} {loop.hits[point]:>9}")
    total = sum(loop.hits.values())
    entries = harness.ledger_entries(root)
    print(
        f"  {total} kills ({loop.after_first_commit} after the chain's first commit, "
        f"{loop.after_own_commit} after one of the run itself), "
        f"{entries[-1]['version'] + 1} entries, {producer.count} records"
    )
    for point in points:
        require(loop.hits[point] > 0, f"no run died at {point}")
    require(
        loop.after_first_commit >= 0.8 * total,
        f"only {loop.after_first_commit} of {total} kills came after the first commit",
    )
    scenario.verify(root, produced, config, "--ledger", "--open-windows-fired")
    scenario.verify_anomalies(root, produced, config, at_least=fleet.EXPECTED_ANOMALIES)
    compare_with_undisturbed(scenario, root, config)


def add_arguments(parser):
    parser.add_argument("--kills", type=int, help="how often to kill (50; 12 with --quick)")


if __name__ == "__main__":
    harness.main(run, add_arguments)
