"""The machine that most pages suppose: Kafka with telemetry of some minutes and some bad records in
it, downlinkd set up as the package does it and running, and a folder with the files the pages name.
"""

import contextlib
import datetime
import os
import shutil
import subprocess
import time
from pathlib import Path

import yaml
from confluent_kafka import Producer
from deltalake import DeltaTable
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import harness
import world
from documents import CHECKOUT
from harness import require

CONFIG = Path("/etc/downlinkd/downlinkd.yaml")
ROOT = Path("/var/lib/downlinkd")
CREDENTIALS = Path("/run/credentials/downlinkd.service")
SECRETS = ["kafka-password", "registry-password", "http-token", "alert-token"]
CERTIFICATES = [CONFIG.parent / name for name in ("kafka-ca.pem", "kafka-client.pem", "http.pem")]
EXAMPLES = Path("/usr/share/doc/downlinkd/examples")
DEVICES, MINUTES = 50, 12

ORBIT = """syntax = "proto3";
package acme;
import "google/protobuf/timestamp.proto";
message Header { google.protobuf.Timestamp stamp = 1; string region = 2; }
message Battery { double voltage = 1; double temperature_c = 2; }
message Position { double altitude_km = 1; }
message Orbit { Header header = 1; Battery battery = 2; Position position = 3; }
"""


class Standing:
    """Everything is there when it is made; `folder` is where the commands are run."""

    def __init__(self, folder, bin_folder):
        self.bin = bin_folder
        # The script that stands in for systemctl finds the program beside it.
        os.environ["PATH"] = f"{bin_folder}:{os.environ['PATH']}"
        self.folder = folder / "work"
        self.folder.mkdir()
        self.logs = folder
        self.processes = []
        self.write_files()
        broker = self.start(
            "broker", "broker", *self.words("--topic", "telemetry:4", "orbit-v2:2", "samples:2"),
            "--port-file", "/run/broker.port",
        )  # fmt: skip
        port_file = Path("/run/broker.port")
        world.wait_until("the broker is there", lambda: port_file.exists() or broker.code)
        self.brokers = port_file.read_text().strip()
        world.Forwarder(self.brokers, world.KAFKA_PORTS)
        self.produce()
        self.start_instance()

    def systemctl(self, verb):
        return subprocess.run([self.bin / "systemctl", verb, "downlinkd"], timeout=120).returncode

    def start_instance(self):
        code = self.systemctl("start")
        log = Path(world.INSTANCE_LOG)
        require(code == 0, f"the instance has ended:\n{log.read_text()[-2000:]}")
        world.wait_until("every record is committed", self.has_committed)

    @contextlib.contextmanager
    def without_instance(self):
        """For a command that takes its place."""
        self.systemctl("stop")
        try:
            yield
        finally:
            self.start_instance()

    def go_on_producing(self):
        """A record now and then for as long as the machine stands, for commands that look on."""
        self.start("produce", "produce", "--brokers", self.brokers, "--topic", "telemetry",
                   "--fleet", DEVICES, "--seconds", 3_600, "--start-time", "now", "--rate", 20)

    def lose_a_position(self):
        """The instance is away while the topic gets more than a partition of the embedded broker
        keeps, as retention would have it."""
        self.systemctl("stop")
        harness.call(
            [harness.binary(), "produce", "--brokers", self.brokers, "--topic", "telemetry",
             "--fleet", 8, "--seconds", 40_000, "--compression", "none", "--period", "1s"],
            seconds=120,
        )  # fmt: skip

    @staticmethod
    def words(flag, *values):
        return [word for value in values for word in (flag, value)]

    def start(self, name, *arguments):
        process = harness.Process(name, arguments, self.logs)
        self.processes.append(process)
        return process

    def write_files(self):
        example = (CHECKOUT / "config/downlinkd.yaml").read_text(encoding="utf-8")
        config = yaml.safe_load(example)
        # As harness.py says of the embedded broker.
        config["kafka"]["properties"] = {
            "session.timeout.ms": harness.SESSION_TIMEOUT_MS, "heartbeat.interval.ms": 500,
        }  # fmt: skip
        config["storage"].update(root=str(ROOT), commit={"interval": "1s"}, state_interval="1s")
        write_yaml(CONFIG, config)
        (self.folder / "data").symlink_to(ROOT)
        (self.folder / "config").symlink_to(CHECKOUT / "config")
        if (CHECKOUT / "config/tests").is_dir():
            shutil.copytree(CHECKOUT / "config/tests", CONFIG.parent / "tests")
        shutil.copytree(CHECKOUT / "deploy/prometheus", EXAMPLES)
        protos = self.folder / "protos"
        protos.mkdir()
        (protos / "orbit.proto").write_text(ORBIT, encoding="utf-8")
        harness.call(
            ["protoc", f"--proto_path={protos}", "--include_imports",
             f"--descriptor_set_out={self.folder}/acme.binpb", protos / "orbit.proto"]
        )  # fmt: skip
        config["sources"].append({
            "name": "orbit", "topics": ["orbit-v2"], "message": "acme.Orbit",
            "descriptor_set": "acme.binpb", "device": "$key", "time": {"field": "header.stamp"},
            "attributes": ["header.region"],
        })  # fmt: skip
        # A pipeline of its own, for the instance has the other one.
        config.update(pipeline="orbit", http={"listen": "none"})
        config["storage"]["root"] = "./orbit"
        # The words that pages have for any configuration are such files.
        for name in ("downlinkd.yaml", "FILE", "OLD", "NEW"):
            write_yaml(self.folder / name, config)
        (self.folder / "F").symlink_to(CONFIG)
        for name in ("kafka-password", "token"):
            (self.folder / name).write_text("not the real one\n")
        CREDENTIALS.mkdir(parents=True)
        for name in SECRETS:
            (CREDENTIALS / name).write_text(f"not the real {name}\n")

        # An authority, and a client's certificate with its key: the same one for all.
        harness.call(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kafka-1",
             "-days", "2", "-keyout", CREDENTIALS / "kafka-key", "-out", CERTIFICATES[0]]
        )  # fmt: skip
        for path in [*CERTIFICATES[1:], self.folder / "ca.pem"]:
            shutil.copy(CERTIFICATES[0], path)
        for path in (CONFIG.parent / "http.key", CREDENTIALS / "http-key"):
            shutil.copy(CREDENTIALS / "kafka-key", path)

    def produce(self):
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=MINUTES)
        harness.call(
            [harness.binary(), "produce", "--brokers", self.brokers, "--topic", "telemetry",
             "--fleet", DEVICES, "--seconds", MINUTES * 60, "--period", "10s", "--bad-share",
             "0.002", "--start-time", start.isoformat()]
        )  # fmt: skip
        files = descriptor_pb2.FileDescriptorSet()
        files.ParseFromString((self.folder / "acme.binpb").read_bytes())
        pool = descriptor_pool.DescriptorPool()
        for one in files.file:
            pool.Add(one)
        orbit_type = message_factory.GetMessageClass(pool.FindMessageTypeByName("acme.Orbit"))
        producer = Producer({"bootstrap.servers": self.brokers})
        now = time.time()
        for number in range(400):
            orbit = orbit_type()
            orbit.header.stamp.FromNanoseconds(int((now - 400 + number) * 1e9))
            orbit.header.region = "north" if number % 8 < 4 else "south"
            orbit.battery.voltage = 28 + number % 7 / 10
            orbit.battery.temperature_c = 20 + number % 11
            orbit.position.altitude_km = 500 + number % 13
            producer.produce("orbit-v2", orbit.SerializeToString(), f"sat-{number % 8:05}")
        require(producer.flush(60) == 0, "records of orbit-v2 were not delivered")

    def has_committed(self):
        require(self.systemctl("is-active") == 0, "the instance has ended")
        return self.count_readings() >= DEVICES * MINUTES * 6 * 0.99

    @staticmethod
    def count_readings():
        path = ROOT / "tables/readings_snapshots"
        if not (path / "_delta_log").is_dir():
            return 0
        return DeltaTable(str(path)).to_pyarrow_dataset().count_rows()


def write_yaml(path, config):
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
