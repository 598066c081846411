"""Stopping in order: SIGTERM makes a last commit, leaves the group and ends with 0, also during
start and when asked twice; the next run reads nothing again. `--until-caught-up` says by its exit
code whether it got there.
"""

import signal
import time

import fleet
import harness
from harness import EXIT_INCOMPLETE, EXIT_OK, require, wait_for

PARTITIONS = {fleet.SNAPSHOTS: 4, fleet.SAMPLES: 4}
STOP_SECONDS = 10
RECORD_LIMIT = 60_000


def positions(daemon):
    """{partition: (next offset to commit, first offset fetched)} as it took them up."""
    return {
        event["partition"]: (int(event["offset"]), int(event["fetch_from"]))
        for event in daemon.events("partition taken up")
    }


def committed_to(root):
    to = {}
    for entry in harness.ledger_entries(root):
        for move in entry.get("partitions", []):
            to[f"{move['topic']}[{move['partition']}]"] = move["to"]
    return to


def stop_with_open_work(scenario, config, root):
    """Stops at random moments; each restart begins at the very end of what was committed."""
    restarts = 3 if scenario.is_quick else 8
    last = {}
    for _ in range(restarts):
        daemon = scenario.daemon(config)
        daemon.wait_for_log('"committed"')
        for partition, (offset, fetched) in positions(daemon).items():
            known = last.get(partition, 0)
            require(offset >= known, f"{partition} begins at {offset}, before {known}")
            # One record more than needed is fetched: the witness, to know the topic again.
            require(fetched >= offset - 1, f"{partition}: replays {fetched} to {offset}")
        time.sleep(scenario.random.uniform(0, 2))
        asked = time.monotonic()
        code = daemon.stop(STOP_SECONDS)
        seconds = time.monotonic() - asked
        require(code == EXIT_OK, f"SIGTERM ended with {code}:\n{daemon.last_lines()}")
        require(daemon.has_logged('"partitions given back"'), "it did not leave the group")
        last = committed_to(root)
        scenario.note(f"stopped within {seconds:.1f} s; at {sum(last.values())} records")


def stop_during_start(scenario, config):
    """Twice, and at any moment of the start."""
    for _ in range(4 if scenario.is_quick else 12):
        daemon = scenario.daemon(config)
        daemon.wait_for_trap()
        time.sleep(scenario.random.choice([0.05, 0.2, 0.5, 1.0, 2.0]))
        daemon.send(signal.SIGTERM)
        time.sleep(scenario.random.choice([0, 0.01, 0.3]))
        daemon.send(signal.SIGTERM)
        code = daemon.wait(STOP_SECONDS)
        require(code == EXIT_OK, f"two SIGTERM during start: {code}:\n{daemon.last_lines()}")
    scenario.note("stopped in order during start, asked twice")


def stop_before_caught_up(scenario, config):
    """Its predecessor was killed, so the group makes it wait: it is stopped with nothing done."""
    killed = scenario.daemon(config)
    killed.wait_for_log('"partition taken up"')
    killed.kill()
    daemon = scenario.daemon(config, "--until-caught-up")
    daemon.wait_for_trap()
    time.sleep(0.3)
    code = daemon.stop(STOP_SECONDS)
    require(code == EXIT_INCOMPLETE, f"stopped before: {code}:\n{daemon.last_lines()}")
    scenario.note("--until-caught-up stopped before: 75")


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    config = scenario.write_config(harness.base_config(brokers, root, **fleet.fleet_sections()))
    produced = scenario.folder / "produced.jsonl"
    producer = fleet.Producer(brokers, produced, PARTITIONS)
    made = fleet.Fleet(scenario.arguments.seed)
    producer.send_all(made, 2_000)
    steady = fleet.SteadyProducer(producer, made, 200, RECORD_LIMIT)
    stop_with_open_work(scenario, config, root)
    stop_during_start(scenario, config)
    stop_before_caught_up(scenario, config)
    steady.stop()
    done = scenario.catch_up(config)
    require(done.code == EXIT_OK, f"--until-caught-up: {done.code}")
    wait_for("everything is committed", lambda: sum(committed_to(root).values()) == producer.count)
    scenario.verify(root, produced, config, "--ledger")
    # Nothing is left to read: only the open windows fire.
    scenario.catch_up(config, "--fire-open-windows")
    scenario.verify(root, produced, config, "--ledger", "--open-windows-fired")


if __name__ == "__main__":
    harness.main(run)
