"""State snapshots that are gone, damaged, cut short or swapped: the program takes the older one, and
its rows are, bit for bit, those of a run that nothing disturbed. Where both are lost it stops and
says so; with the files put back it goes on.
"""

import signal
import time

import fleet
import harness
from harness import require
from undisturbed import compare_with_undisturbed

PARTITIONS = {fleet.SNAPSHOTS: 4, fleet.SAMPLES: 4}


def snapshots(root):
    """{partition: paths of its snapshots the chain still keeps, newest last}."""
    named = {}
    for entry in harness.ledger_entries(root):
        for move in entry.get("partitions", []):
            if "state" in move:
                where = (move["topic"], move["partition"])
                named.setdefault(where, []).append(root / move["state"]["path"])
    return {where: [path for path in paths if path.exists()] for where, paths in named.items()}


def flip(path, random):
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def delete_newest(paths, _random):
    paths[-1].unlink()


def corrupt_newest(paths, random):
    flip(paths[-1], random)


def cut_newest(paths, random):
    paths[-1].write_bytes(paths[-1].read_bytes()[: random.randrange(100)])


def swap(paths, _random):
    """The older one under the newest one's name."""
    paths[-1].write_bytes(paths[0].read_bytes())


def delete_oldest(paths, _random):
    paths[0].unlink()


def lose_both(paths, random):
    for path in paths:
        path.unlink() if random.random() < 0.5 else flip(path, random)


DAMAGES = [delete_newest, corrupt_newest, cut_newest, swap, delete_oldest, lose_both]


def damage(scenario, root, how):
    """Damages snapshots of some partitions, at least one."""
    found = snapshots(root)
    usable = [where for where, paths in found.items() if len(paths) >= 2]
    require(usable, f"no partition has two snapshots: {found}")
    chosen = scenario.random.sample(usable, scenario.random.randrange(1, len(usable) + 1))
    for where in chosen:
        how(found[where], scenario.random)
    return len(chosen)


def work_and_end(scenario, config, producer, made):
    """Runs long enough for two snapshots a partition, then ends it one way or the other."""
    daemon = scenario.daemon(config)
    producer.send_all(made, 100)
    daemon.wait_for_log('"committed"')
    for _ in range(4):
        producer.send_all(made, 300)
        time.sleep(0.9)
    if scenario.random.random() < 0.5:
        require(daemon.kill(), f"it had ended with {daemon.code}:\n{daemon.last_lines()}")
    else:
        require(daemon.stop(15) == 0, f"the stop:\n{daemon.last_lines()}")
    return daemon


def expect_stop(scenario, config):
    daemon = scenario.daemon(config)
    code = daemon.wait()
    require(code == harness.EXIT_UNAVAILABLE, f"ended with {code}:\n{daemon.last_lines()}")
    require(daemon.has_logged("damaged or missing"), f"it says not why:\n{daemon.last_lines()}")


def run(scenario):
    brokers = scenario.broker(**PARTITIONS)
    root = scenario.folder / "data"
    sections = {**fleet.fleet_sections(), "detectors": fleet.DETECTORS}
    config = harness.base_config(brokers, root, **sections)
    config["storage"]["state_interval"] = "1s"
    config = scenario.write_config(config)
    produced = scenario.folder / "produced.jsonl"
    producer = fleet.Producer(brokers, produced, PARTITIONS)
    made = fleet.Fleet(scenario.arguments.seed)
    producer.send_all(made, 1_000)

    for how in DAMAGES if not scenario.is_quick else DAMAGES[1::2]:
        work_and_end(scenario, config, producer, made)
        kept = {path: path.read_bytes() for path in (root / "_state").iterdir()}
        count = damage(scenario, root, how)
        if how is lose_both:
            expect_stop(scenario, config)
            for path, data in kept.items():
                path.write_bytes(data)
            scenario.note(f"{how.__name__} of {count} partitions: a stop; they are put back")
            continue
        daemon = scenario.daemon(config)
        producer.send_all(made, 100)
        daemon.wait_for_log('"committed"')
        said = sum("snapshot is damaged" in event["message"] for event in daemon.events())
        daemon.send(signal.SIGTERM)
        require(daemon.wait(15) == 0, f"after {how.__name__}:\n{daemon.last_lines()}")
        scenario.note(f"{how.__name__} of {count} partitions: {said} recoveries")
        require(said > 0 or how is delete_oldest, f"{how.__name__} went unnoticed")
    producer.send_all(made, 1_000)
    scenario.catch_up(config, "--fire-open-windows")
    scenario.verify(root, produced, config, "--ledger", "--open-windows-fired")
    scenario.verify_anomalies(root, produced, config, at_least=fleet.EXPECTED_ANOMALIES)
    compare_with_undisturbed(scenario, root, config)


if __name__ == "__main__":
    harness.main(run)
