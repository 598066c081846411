"""A full disk: commits wait and say so, nothing is lost, and with space they go on by themselves.

The root lies on a small file system of its own, which is filled to a random number of bytes, so
that every step of a commit meets the end of space in turn. Needs root, for mounting it.
"""

import contextlib
import os
import signal
import subprocess
import time

import fleet
import harness
from harness import EXIT_OK, Skipped, require, wait_for

PARTITIONS = {fleet.SNAPSHOTS: 4, fleet.SAMPLES: 4}
WAITING = "commit waits for space"
RECORD_LIMIT = 60_000


class SmallDisk:
    def __init__(self, scenario):
        self.path = scenario.folder / "disk"
        self.path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Skipped(f"a small file system cannot be mounted: {done.stderr.strip()}")
        scenario.cleanups.append(lambda: subprocess.run(["umount", "--lazy", str(self.path)]))
        self.filler = self.path / "filler"
        self.rest = self.path / "rest"

    def free_bytes(self):
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave):
        """Takes all space but `leave` bytes."""
        while True:
            count = max(0, self.free_bytes() - leave)
            # Somebody at work may be faster: then there is less to take.
            with contextlib.suppress(OSError), open(self.filler, "wb") as file:
                if count:
                    os.posix_fallocate(file.fileno(), 0, count)
                return

    def fill_rest(self):
        """Takes what `fill` has left."""
        with contextlib.suppress(OSError), open(self.rest, "ab") as file:
            while file.write(b"\0" * 4096):
                file.flush()

    def release(self):
        self.rest.unlink(missing_ok=True)
        self.filler.unlink(missing_ok=True)


def waits(daemon):
    return daemon.log().count(WAITING)


def fill_and_free(scenario, disk, daemon):
    """Fills the disk under work, sees it wait, frees it and sees it go on."""
    before = waits(daemon)
    disk.fill(scenario.random.randrange(0, 160_000))
    started = time.monotonic()

    def has_met_it():
        require(daemon.is_running, f"it ended with {daemon.code}:\n{daemon.last_lines()}")
        # What was left may take a few commits; then the rest is filled too.
        if time.monotonic() - started > 5:
            disk.fill_rest()
        return waits(daemon) > before

    wait_for("the commit waits for space", has_met_it)
    time.sleep(scenario.random.uniform(0, 3))
    require(daemon.is_running, f"it ended with {daemon.code}:\n{daemon.last_lines()}")
    commits = len(daemon.events("committed"))
    disk.release()
    wait_for("commits go on", lambda: len(daemon.events("committed")) > commits + 1, 60)


def run(scenario):
    if os.geteuid() != 0:
        raise Skipped("only root can mount a small file system")
    disk = SmallDisk(scenario)
    root = disk.path / "data"
    brokers = scenario.broker(**PARTITIONS)
    config = scenario.write_config(harness.base_config(brokers, root, **fleet.fleet_sections()))
    produced = scenario.folder / "produced.jsonl"
    producer = fleet.Producer(brokers, produced, PARTITIONS)
    steady = fleet.SteadyProducer(
        producer, fleet.Fleet(scenario.arguments.seed), 250, RECORD_LIMIT
    )
    daemon = scenario.daemon(config)
    daemon.wait_for_log('"committed"')
    times = 3 if scenario.is_quick else 10
    for _ in range(times):
        fill_and_free(scenario, disk, daemon)
    scenario.note(f"{times} times full: waited {waits(daemon)} times, went on each time")

    # Killed while it waits, and told to stop while it waits.
    for number in (signal.SIGKILL, signal.SIGTERM):
        before = waits(daemon)
        disk.fill(0)
        wait_for("the commit waits for space", lambda: waits(daemon) > before)
        daemon.send(number)
        code = daemon.wait(15)
        require(code != EXIT_OK, "a commit was given up, but the exit code says all is well")
        scenario.note(f"{signal.Signals(number).name} while it waits: ended with {code}")
        disk.release()
        daemon = scenario.daemon(config)
        daemon.wait_for_log('"committed"')
    steady.stop()
    require(daemon.stop() == EXIT_OK, f"the last stop:\n{daemon.last_lines()}")
    scenario.catch_up(config, "--fire-open-windows")
    scenario.verify(root, produced, config, "--ledger", "--open-windows-fired")


if __name__ == "__main__":
    harness.main(run)
