"""A fleet whose readings have every type a column can have, and what the tables must hold of it.

Two sources: `reports`, one column a metric, by a descriptor set that grows and shrinks while the
pipeline runs; `samples`, one row a value, of the built-in batches. Some records are dead letters.
What is due is written down here, at the producer; offsets are those that Kafka acknowledged.
"""

import math
import random
import struct
import zlib
from dataclasses import dataclass, field

import confluent_kafka
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

import messages
from harness import require

REPORTS, SAMPLES = "reports", "samples"
PARTITIONS = {REPORTS: 2, SAMPLES: 2}
DAY_US = 86_400_000_000
MODES = ["OFF", "SUN", "SAFE"]
ATTRIBUTES = {REPORTS: ["region", "firmware"], SAMPLES: ["region", "firmware", "model"]}
NOTES = [
    "", "plain", "e\u0301 is not é", "\U0001f6f0 überwacht", "quo'te \"two\" \\ back", "\t\n\x01",
    "z" * 90, "\U0010ffff" * 12, "日本語の注記", "%_*", "NULL", "null", "NaN",
]  # fmt: skip

KINDS = descriptor_pb2.FieldDescriptorProto
STAMP = ".google.protobuf.Timestamp"
# Name, type, number, from which version of the message on.
FIELDS = [
    ("id", KINDS.TYPE_STRING, 1, 1), ("at_us", KINDS.TYPE_INT64, 2, 1),
    ("region", KINDS.TYPE_STRING, 3, 1), ("firmware", KINDS.TYPE_STRING, 4, 1),
    ("serial", KINDS.TYPE_UINT32, 5, 1), ("level", KINDS.TYPE_DOUBLE, 6, 1),
    ("spin", KINDS.TYPE_DOUBLE, 7, 1), ("ratio", KINDS.TYPE_FLOAT, 8, 1),
    ("turns", KINDS.TYPE_INT64, 9, 1), ("code", KINDS.TYPE_INT32, 10, 1),
    ("far", KINDS.TYPE_SINT64, 11, 1), ("ok", KINDS.TYPE_BOOL, 12, 1),
    ("note", KINDS.TYPE_STRING, 13, 1), ("mode", KINDS.TYPE_ENUM, 14, 1),
    ("raw", KINDS.TYPE_BYTES, 15, 1), ("fixed_at", KINDS.TYPE_MESSAGE, 16, 1),
    ("humidity", KINDS.TYPE_FLOAT, 17, 2), ("remark", KINDS.TYPE_STRING, 18, 2),
]  # fmt: skip
# Column -> type of the table, in the order of the metrics. None has `code` from version 2 on.
METRICS = {
    "level": "double", "spin": "double", "ratio": "float", "turns": "long", "code": "integer",
    "far": "long", "ok": "boolean", "note": "string", "mode": "string", "raw": "binary",
    "fixed_at": "timestamp",
}  # fmt: skip
NEW_METRICS = {"humidity": "float", "remark": "string"}
GONE = "code"


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def descriptor_set(version):
    """The message `fleet.Report`, as it is in that version."""
    file = descriptor_pb2.FileDescriptorProto(
        name="report.proto", package="fleet", syntax="proto3",
        dependency=["google/protobuf/timestamp.proto"],
    )  # fmt: skip
    mode = file.enum_type.add(name="Mode")
    for number, name in enumerate(MODES):
        mode.value.add(name=name, number=number)
    message = file.message_type.add(name="Report")
    names = {KINDS.TYPE_ENUM: ".fleet.Mode", KINDS.TYPE_MESSAGE: STAMP}
    for name, kind, number, since in FIELDS:
        if since > version:
            continue
        made = message.field.add(
            name=name, number=number, type=kind, label=KINDS.LABEL_OPTIONAL,
            type_name=names.get(kind),
        )  # fmt: skip
        if kind != KINDS.TYPE_MESSAGE:  # `optional`: a zero is a value
            made.proto3_optional = True
            made.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")
    stamp = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(stamp)
    return descriptor_pb2.FileDescriptorSet(file=[stamp, file])


def report_class():
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_set(2).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fleet.Report"))


@dataclass
class Sent:
    """A record, and what the tables must have of it. A row is (µs, {metric: value})."""

    topic: str
    device: str | None
    payload: bytes | None
    timestamp_ms: int
    sequence: int | None = None
    attributes: dict = field(default_factory=dict)
    rows: list = field(default_factory=list)
    # (row or None, stage, reason) of its dead letters.
    letters: list = field(default_factory=list)
    is_dead: bool = False
    partition: int = 0
    offset: int = -1


class TypedFleet:
    """Makes and sends the records of one day after the other."""

    def __init__(self, seed, first_day, devices, brokers):
        """`first_day` in days since 1970; `devices` of each source."""
        self.random = random.Random(seed)
        self.first_day = first_day
        self.devices = [f"dev-{index:04}" for index in range(devices)]
        self.devices[7] = "dev-ü-7'\""
        self.version = 1
        self.report = report_class()
        self.sequences = dict.fromkeys(self.devices, 0)
        self.sent = []
        self.kafka = confluent_kafka.Producer(
            {
                "bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True,
                "linger.ms": 20, "compression.type": "lz4", "log_level": 2,
            }
        )  # fmt: skip

    # ---- values

    def spin(self):
        dice = self.random.random()
        if dice < 0.02:
            return self.random.choice([math.nan, math.inf, -math.inf])
        return self.random.gauss(0, 1000)

    def metrics(self, device, at_us, day):
        number = self.random.randrange
        values = {
            "level": round(self.random.gauss(20 + day, 5), 3),
            "spin": self.spin(),
            "ratio": float32(self.random.random() * 100),
            "turns": number(-1_000_000_000, 1_000_000_000),
            "code": number(-2**31, 2**31) if self.random.random() < 0.02 else number(9),
            "far": self.random.choice([2**63 - 1, -(2**63), 0, number(10**15)]),
            "ok": self.random.random() < 0.5,
            "note": self.random.choice(NOTES),
            "mode": self.random.choice(MODES),
            "raw": self.random.choice([b"", b"\xff\x00", device.encode(), b"\xfe" * 40]),
            "fixed_at": self.random.choice([0, -1, at_us, 253_402_300_799_999_999]),
        }
        if self.version > 1:
            values["humidity"] = float32(self.random.random())
            values["remark"] = f"{self.random.choice(NOTES)} {day}"
            del values[GONE]
        return {name: value for name, value in values.items() if self.random.random() < 0.9}

    def attributes(self, device, topic):
        region = ("eu", "us", None)[zlib.crc32(device.encode()) % 3]
        about = {"region": region, "firmware": f"{self.version}.{zlib.crc32(device.encode()) % 7}"}
        if topic == SAMPLES:
            about["model"] = "m1"
        return {name: word for name, word in about.items() if word is not None}

    # ---- records

    def report_of(self, device, at_us, day):
        self.sequences[device] += 1
        about = self.attributes(device, REPORTS)
        values = self.metrics(device, at_us, day)
        message = self.report(id=device, at_us=at_us, serial=self.sequences[device], **about)
        for name, value in values.items():
            if name == "fixed_at":
                message.fixed_at.seconds = value // 1_000_000
                message.fixed_at.nanos = value % 1_000_000 * 1000
            elif name == "mode":
                message.mode = MODES.index(value)
            else:
                setattr(message, name, value)
        return Sent(
            REPORTS, device, message.SerializeToString(), 0, self.sequences[device], about,
            [(at_us, values)],
        )  # fmt: skip

    def samples_of(self, device, at_us):
        self.sequences[device] += 1
        about = self.attributes(device, SAMPLES)
        rows = []
        for index in range(self.random.randrange(1, 5)):
            metric = ("bearing_temperature_c", "rotor_speed_rpm", "pitch_deg")[index % 3]
            value = self.spin() if index == 3 else round(self.random.gauss(60, 15), 2)
            rows.append((at_us + index * 1_000_001, {metric: value}))
        samples = [(at, *next(iter(values.items()))) for at, values in rows]
        payload = messages.batch(device, samples, sequence=self.sequences[device], **about)
        return Sent(SAMPLES, device, payload, 0, self.sequences[device], about, rows)

    def broken(self, device, at_us):
        """A record that is dead, or whose row is kept without a text."""
        whole = self.report(id=device, at_us=at_us, level=1.0)
        payload, reason = self.random.choice([
            (None, "null_payload"),
            (self.report(at_us=at_us, level=1.0).SerializeToString(), "no_device"),
            (self.report(id=device, level=1.0).SerializeToString(), "no_time"),
            (whole.SerializeToString()[:-3], "truncated"),
            (b"", "no_device"),
            (whole.SerializeToString() + messages.text(13, b"nul\0inside"), "nul_in_string"),
        ])  # fmt: skip
        if reason == "nul_in_string":
            return Sent(
                REPORTS, device, payload, 0, rows=[(at_us, {"level": 1.0})],
                letters=[(0, "salvage", reason)],
            )  # fmt: skip
        letters = [(None, "decode", reason)]
        return Sent(REPORTS, device, payload, 0, letters=letters, is_dead=True)

    def half_day(self, day, half, rounds):
        """Records from 6:00 or 14:00 on: each device once in a round of ten minutes."""
        start = (self.first_day + day) * DAY_US + (6 + 8 * half) * 3_600_000_000
        for turn in range(rounds):
            for index, device in enumerate(self.devices):
                at_us = start + turn * 600_000_000 + index * 600_000_000 // len(self.devices)
                dice = self.random.random()
                if dice < 0.01:
                    yield self.stamped(self.broken(device, at_us), at_us)
                event_us = at_us - self.random.randrange(1_000_000)
                if dice > 0.97:
                    event_us -= self.random.randrange(3_600_000_000)
                elif dice > 0.968:
                    event_us = 700_000_000_000_000  # 1992
                yield self.stamped(self.report_of(device, event_us, day), at_us)
                if index % 2 == turn % 2:
                    yield self.stamped(self.samples_of(device, event_us), at_us)

    @staticmethod
    def stamped(sent, at_us):
        sent.timestamp_ms = at_us // 1000
        return sent

    def send(self, records):
        """Sends them, waits for every acknowledgement, and returns them with their offsets."""
        batch = []
        for sent in records:
            sent.partition = zlib.crc32((sent.device or "").encode()) % PARTITIONS[sent.topic]

            def delivered(error, message, sent=sent):
                require(error is None, f"a record was not delivered: {error}")
                sent.offset = message.offset()

            self.kafka.produce(
                sent.topic, sent.payload, key=sent.device.encode(), partition=sent.partition,
                timestamp=sent.timestamp_ms, on_delivery=delivered,
            )  # fmt: skip
            self.kafka.poll(0)
            batch.append(sent)
        require(self.kafka.flush(60) == 0, "records were not delivered")
        self.sent += batch
        return batch


def sources(descriptor_set_path, version):
    """The two sources of a configuration."""
    metrics = dict(METRICS)
    if version > 1:
        metrics |= NEW_METRICS
        del metrics[GONE]
    units = {"level": "m", "spin": "rpm", "humidity": "%"}
    reports = {
        "name": REPORTS, "topics": [REPORTS], "message": "fleet.Report",
        "descriptor_set": str(descriptor_set_path), "device": "id",
        "time": {"field": "at_us", "unit": "us"}, "sequence": "serial",
        "attributes": ATTRIBUTES[REPORTS],
        "metrics": [
            {"field": name, "unit": units[name]} if name in units else name for name in metrics
        ],
    }  # fmt: skip
    return [reports, messages.narrow_source(SAMPLES, topics=(SAMPLES,))]


WINDOWS = [
    {"name": "1h", "size": "1h", "metrics": ["level", "ratio", "turns", "bearing_*"]},
    {"name": "20m", "size": "20m", "metrics": ["level"], "aggregates": ["count", "mean", "max"]},
]  # fmt: skip
DETECTORS = [
    {"name": "level", "metric": "level",
        "limits": {"warning": {"outside": [10, 32]}, "critical": {"outside": [8, 36]}}},
    {"name": "bearing", "source": SAMPLES, "metric": "bearing_*",
        "limits": {"warning": {"above": 80}, "critical": {"above": 90}, "clear_margin": 2}},
]  # fmt: skip
EVENT_TIME = {
    "out_of_orderness": "5s", "allowed_lateness": "10m", "max_future_skew": "5m",
    "device_idle": "2h",
}  # fmt: skip
