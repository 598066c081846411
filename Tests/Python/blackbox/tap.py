"""`downlinkd tap` on a running instance: rows as they are made, patterns, bounds, several readers, one
that does not read, and an instance that loses nothing by any of them.
"""

import json
import socket
import subprocess
import threading
import time

from confluent_kafka import Producer

import harness
import messages
from delta_tables import Table, connect
from harness import EXIT_OK, EXIT_UNAVAILABLE, require, wait_for

START_MS = 1_781_000_000_000
USAGE = 64


class Fleet(threading.Thread):
    """Sends until it is stopped; every tenth reading of sat-3 is hot."""

    def __init__(self, brokers, rate):
        super().__init__(daemon=True)
        self.producer = Producer({"bootstrap.servers": brokers, "linger.ms": 5})
        self.rate, self.count, self.has_ended = rate, 0, False

    def run(self):
        started = time.monotonic()
        while not self.has_ended:
            wanted = int((time.monotonic() - started) * self.rate)
            while self.count < wanted:
                number = self.count
                device = f"sat-{number % 5}"
                is_hot = number % 50 == 3
                metrics = {"battery_temperature_c": 80.0 if is_hot else 20.0, "radio_snr_db": 9.5}
                time_ms = START_MS + number * 100
                self.producer.produce(
                    "telemetry", messages.wide(device, time_ms, metrics, "eu"), device,
                    partition=number % 2, timestamp=time_ms,
                )  # fmt: skip
                self.count += 1
            self.producer.poll(0)
            time.sleep(0.01)
        require(self.producer.flush(60) == 0, "records were not delivered")


def call(*flags, seconds=60):
    done = subprocess.run(
        [harness.binary(), "tap", *map(str, flags)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def rows(*flags, seconds=60):
    code, output, fault = call(*flags, seconds=seconds)
    require(code == EXIT_OK, f"{flags}: {code}: {fault}")
    return [json.loads(line) for line in output.splitlines()], fault


def chosen(config):
    found, _ = rows("--config", config, "--device", "sat-[3", "--for", "1s")
    require(found == [], "a pattern is no regular expression")
    found, _ = rows("--config", config, "--device", "*-3", "--metric", "battery_*", "--count", 20)
    require(len(found) == 20, f"{len(found)} rows of 20")
    for row in found:
        require(row["device_id"] == "sat-3" and row["source"] == "snapshots", str(row))
        require("battery_temperature_c" in row and "radio_snr_db" not in row, str(row))
        require(row["region"] == "eu" and row["kafka_topic"] == "telemetry", str(row))
    found, _ = rows("windows", "--config", config, "--metric", "radio_snr_db", "--count", 3)
    require(all(row["window_name"] == "5s" and row["mean"] == 9.5 for row in found), str(found))
    found, _ = rows("anomalies", "--config", config, "--severity", "critical", "--count", 2)
    require({row["state"] for row in found} == {"opened", "closed"}, str(found))
    require(all(row["evidence"]["kind"] == "limits" for row in found), str(found))


def bounded(config, path):
    started = time.monotonic()
    found, fault = rows("--config", config, "--rate", 10, "--for", "3s")
    took = time.monotonic() - started
    require(10 <= len(found) <= 50, f"{len(found)} rows in 3 s at 10 a second")
    require("rows that were wanted are left out" in fault, f"nothing said of it: {fault}")
    require(took < 20, f"--for 3s took {took:.0f} s")
    code, _, fault = call("--socket", path, "rows")
    require(code == USAGE and "readings, windows, anomalies" in fault, fault)
    code, _, fault = call("--socket", f"{path}.not", "--count", 1)
    require(code == EXIT_UNAVAILABLE and ".not" in fault, f"{code}: {fault}")


def silent_reader(path, what="readings"):
    """Asks and never reads."""
    reader = socket.socket(socket.AF_UNIX)
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(str(path))
    reader.sendall(f"GET /tap?what={what}&rate=100000 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return reader


def many(config, path, fleet):
    readers = [silent_reader(path) for _ in range(4)]
    wait_for("a fifth is refused", lambda: call("--config", config, "--for", "1s")[0] == USAGE)
    before = fleet.count
    wait_for("the fleet goes on", lambda: fleet.count > before + 500)
    for reader in readers:
        reader.close()
    # Whoever is gone is noticed at the next line.
    wait_for("there is room again", lambda: call("--config", config, "--count", "1")[0] == EXIT_OK)


def run(scenario):
    brokers = scenario.broker(telemetry=2)
    root, path = scenario.folder / "root", scenario.folder / "admin.sock"
    config = harness.base_config(
        brokers, root, [messages.wide_source()], admin={"socket": str(path)},
        windows=[{"name": "5s", "size": "5s"}],
        detectors=[{"name": "hot", "metric": "battery_temperature_c",
                    "limits": {"critical": {"above": 60}}}],
    )  # fmt: skip
    file = scenario.write_config(config)
    daemon = scenario.daemon(file)
    wait_for("the socket is there", path.exists)
    fleet = Fleet(brokers, 200)
    fleet.start()
    chosen(file)
    scenario.note("readings, windows and anomalies as they are made, by patterns")
    bounded(file, path)
    many(file, path, fleet)
    scenario.note("bounded by rows, time and rate; four at most, and those who do not read hold nobody")
    found, _ = rows("--config", file, "--for", "25s" if not scenario.is_quick else "3s")
    require(len(found) > 100, f"{len(found)} rows")
    last = subprocess.Popen(
        [harness.binary(), "tap", "--config", file], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        time.sleep(1)
        fleet.has_ended = True
        fleet.join(60)
        started = time.monotonic()
        code = daemon.stop()
        require(code == EXIT_OK, f"the instance ended with {code}:\n{daemon.last_lines()}")
        require(time.monotonic() - started < 30, "a tap has held up the stop")
        require(last.wait(30) == EXIT_UNAVAILABLE, "the tap does not say that the instance ended")
    finally:
        last.kill()
    scenario.catch_up(file)
    connection = connect()
    Table(root / "tables/readings_snapshots").create_view(connection, "t")
    count = connection.execute("SELECT count(*) FROM t").fetchone()[0]
    require(count == fleet.count, f"{count} readings of {fleet.count}")
    scenario.note(f"{count} readings, none lost by looking on")


if __name__ == "__main__":
    harness.main(run)
