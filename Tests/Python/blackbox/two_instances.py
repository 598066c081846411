"""Two instances of one pipeline share partitions, root and group: one is killed and the other takes
over, one joins again, one is told to stop. The tables are those of a single one.
"""

import re
import signal
import time

import fleet
import harness
from harness import require, wait_for
from undisturbed import compare_with_undisturbed

PARTITIONS = {fleet.SNAPSHOTS: 8}
RATE = 200
RECORD_LIMIT = 60_000


def assignment(daemon):
    """The partitions it holds, by its own log: taken up and not given back since."""
    held = set()
    for event in daemon.events():
        text = str(event)
        if event.get("message") == "partition taken up":
            held.update(names(text))
        elif event.get("message") in ("partitions given back", "partitions lost"):
            held -= names(text)
    return held


def names(text):
    return set(re.findall(rf"{fleet.SNAPSHOTS}\[\d+\]", text))


def own_commits(daemon):
    return len(daemon.events("committed"))


def wait_for_share(daemons, counts):
    def look():
        for daemon in daemons:
            require(daemon.is_running, f"{daemon.name} ended:\n{daemon.last_lines()}")
        held = [assignment(daemon) for daemon in daemons]
        is_whole = len(set().union(*held)) == sum(map(len, held)) == PARTITIONS[fleet.SNAPSHOTS]
        return is_whole and sorted(map(len, held)) == counts and held

    return wait_for(f"{len(daemons)} instances hold {counts} partitions", look)


def wait_for_work(daemons, more=2):
    """Each commits again: it works on what it holds."""
    before = [own_commits(daemon) for daemon in daemons]
    for daemon, count in zip(daemons, before):
        wait_for(f"{daemon.name} commits", lambda: own_commits(daemon) >= count + more)


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    windows = [{"name": "1m", "size": "1m", "slide": "20s", "metrics": ["*_c", "*_v"]}]
    sections = {**fleet.fleet_sections(), "sources": [fleet.SOURCES[0]], "windows": windows}
    sections["detectors"] = fleet.DETECTORS_OF_SNAPSHOTS
    config = scenario.write_config(harness.base_config(brokers, root, **sections))
    produced = scenario.folder / "produced.jsonl"
    producer = fleet.Producer(brokers, produced, PARTITIONS)
    made = fleet.Fleet(scenario.arguments.seed, snapshots_only=True)
    steady = fleet.SteadyProducer(producer, made, RATE, RECORD_LIMIT)

    first = scenario.daemon(config, name="first")
    wait_for_share([first], [8])
    wait_for_work([first])
    second = scenario.daemon(config, name="second")
    wait_for_share([first, second], [4, 4])
    wait_for_work([first, second])
    scenario.note("two instances hold four partitions each")

    for repetition in range(1 if scenario.is_quick else 3):
        time.sleep(scenario.random.uniform(0, 1.5))
        killed_at = time.monotonic()
        require(first.kill(), f"{first.name} ended by itself with {first.code}")
        wait_for_share([second], [8])
        wait_for_work([second])
        seconds = time.monotonic() - killed_at
        scenario.note(f"{second.name} took over and committed within {seconds:.1f} s of a kill")
        third = scenario.daemon(config, name=f"again-{repetition}")
        wait_for_share([second, third], [4, 4])
        wait_for_work([second, third])
        first, second = second, third

    stopped_at = time.monotonic()
    code = first.stop(30)
    require(code == harness.EXIT_OK, f"SIGTERM ended with {code}:\n{first.last_lines()}")
    scenario.note(f"{first.name} stopped in order within {time.monotonic() - stopped_at:.1f} s")
    wait_for_share([second], [8])
    wait_for_work([second])
    steady.stop()
    second.send(signal.SIGTERM)
    require(second.wait(30) == harness.EXIT_OK, f"the last one:\n{second.last_lines()}")
    scenario.catch_up(config, "--fire-open-windows")

    writers = {entry["commit_id"]["incarnation"] for entry in harness.ledger_entries(root)}
    scenario.note(f"{producer.count} records, entries of {len(writers)} instances")
    scenario.verify(root, produced, config, "--ledger", "--open-windows-fired")
    scenario.verify_anomalies(root, produced, config, at_least=fleet.EXPECTED_ANOMALIES)
    compare_with_undisturbed(scenario, root, config)


if __name__ == "__main__":
    harness.main(run)
