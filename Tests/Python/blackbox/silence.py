"""A fleet that falls silent: after `partition_idle` the windows that were open are in the tables, by
a decision of the ledger, once; a process that is killed before or after that, and devices that speak
again, make no row twice and lose none.
"""

import time

import fleet
import harness
from harness import require

PARTITIONS = {fleet.SNAPSHOTS: 2, fleet.SAMPLES: 2}
IDLE_SECONDS = 3


def idle_decisions(root):
    """[(topic, partition, offset)] in the order of the entries."""
    return [
        (decision["topic"], decision["partition"], decision["offset"])
        for entry in harness.ledger_entries(root)
        for decision in entry.get("decisions", [])
        if decision["kind"] == "partition_idle"
    ]


def wait_for_decisions(root, partitions, count):
    """Until every partition was found idle `count` times."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = {}
        for topic, partition, _ in idle_decisions(root):
            found[topic, partition] = found.get((topic, partition), 0) + 1
        if all(found.get(where, 0) >= count for where in partitions):
            return
        time.sleep(0.2)
    raise harness.Failure(f"partitions are not idle {count} times: {found}")


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    sections = fleet.fleet_sections()
    sections["event_time"] = {**fleet.EVENT_TIME, "partition_idle": f"{IDLE_SECONDS}s"}
    config = scenario.write_config(harness.base_config(brokers, root, **sections))
    produced = scenario.folder / "produced.jsonl"
    producer = fleet.Producer(brokers, produced, PARTITIONS)
    made = fleet.Fleet(scenario.arguments.seed)
    where = [(topic, number) for topic, count in PARTITIONS.items() for number in range(count)]

    for silence in range(1, 3 if scenario.is_quick else 4):
        daemon = scenario.daemon(config)
        producer.send_all(made, 1_000)
        daemon.wait_for_log('"committed"')
        if silence % 2 == 0:
            # Somewhere around the decision.
            time.sleep(scenario.random.uniform(IDLE_SECONDS - 1, IDLE_SECONDS + 1))
            require(daemon.kill(), f"it had ended with {daemon.code}:\n{daemon.last_lines()}")
            daemon = scenario.daemon(config)
        wait_for_decisions(root, where, silence)
        decisions = idle_decisions(root)
        time.sleep(2 * IDLE_SECONDS)
        require(idle_decisions(root) == decisions, "a silence is found once")
        require(daemon.kill(), f"it had ended with {daemon.code}:\n{daemon.last_lines()}")
    scenario.note(f"{len(decisions)} decisions in {silence} silences")
    # The last silence fired all there is: a run that fires what is open finds nothing.
    windows = sum(1 for _ in (root / "tables/windows").rglob("*.parquet"))
    scenario.catch_up(config, "--fire-open-windows")
    after = sum(1 for _ in (root / "tables/windows").rglob("*.parquet"))
    require(windows == after, "windows were still open")
    scenario.verify(root, produced, config, "--ledger", "--open-windows-fired")


if __name__ == "__main__":
    harness.main(run)
