"""A small fleet that produces what fleets produce: in order, late, too late, doubled, broken.

Everything follows from a seed but the offsets, which Kafka gives; what Kafka acknowledged is
written to produced.jsonl, the input of verify_tables.py.
"""

import hashlib
import json
import math
import random
import threading
import time
import zlib

import confluent_kafka

import messages
from harness import Failure

# Twenty minutes before midnight UTC: 40,000 records, with the usual step, cross a date.
START_MS = 1_767_224_400_000
SNAPSHOTS, SAMPLES = "telemetry", "samples"


class Outgoing:
    """A record on its way, and the members of its line in produced.jsonl."""

    def __init__(self, topic, device, payload, timestamp_ms, members):
        self.topic, self.device, self.payload = topic, device, payload
        self.timestamp_ms, self.members = timestamp_ms, members


def members_of(device, rows, sequence=None, **attributes):
    return {"device": device, "sequence": sequence, "attributes": attributes, "rows": rows}


DEAD = {"dead": True, "rows": []}


class Fleet:
    """Makes records without end; event time runs `speed` times as fast as records are made."""

    def __init__(self, seed, device_count=40, step_ms=30, snapshots_only=False):
        self.random = random.Random(seed)
        self.devices = [f"device-{index:03}" for index in range(device_count)]
        self.sequences = dict.fromkeys(self.devices, 0)
        self.now_ms = START_MS
        self.step_ms = step_ms
        self.snapshot_share = 1.0 if snapshots_only else 0.6

    def next(self):
        self.now_ms += self.step_ms
        device = self.random.choice(self.devices)
        # Every fourth is heard in passes: silent for three minutes out of nine.
        index = self.devices.index(device)
        if index % 4 == 0 and (self.now_ms // 180_000 + index) % 3 == 0:
            device = self.devices[(index + 1) % len(self.devices)]
        self.sequences[device] += 1
        if self.random.random() < 0.02:
            return self.broken(device)
        if self.random.random() < self.snapshot_share:
            return self.snapshot(device)
        return self.samples(device)

    def event_ms(self):
        """Mostly near now; some late, some too late, a few that cannot be."""
        dice = self.random.random()
        back = self.random.randrange(0, 2_000)
        if dice < 0.05:
            back = self.random.randrange(2_000, 90_000)
        elif dice < 0.06:
            back = self.random.randrange(300_000, 900_000)
        elif dice < 0.063:
            back = -86_400_000
        elif dice < 0.065:
            return 700_000_000_000
        return self.now_ms - back

    def attributes(self, device):
        region = ("eu", "us", "apac")[zlib.crc32(device.encode()) % 3]
        firmware = "2.0" if self.now_ms > START_MS + 900_000 else "1.9"
        return {"region": region, "firmware": firmware}

    def value(self, device):
        if self.random.random() < 0.003:
            return self.random.choice([math.nan, math.inf, -math.inf])
        # Every fifth has a fault for twenty seconds, again and again.
        seconds = (self.now_ms - START_MS) // 1_000
        has_fault = self.devices.index(device) % 5 == 1 and 120 <= seconds % 240 < 140
        return round(self.random.gauss(200 if has_fault else 20, 5), 3)

    def snapshot(self, device):
        event_ms, sequence = self.event_ms(), self.sequences[device]
        chosen = [name for name in messages.METRICS if self.random.random() < 0.9]
        metrics = {name: self.value(device) for name in chosen}
        about = self.attributes(device)
        payload = messages.wide(device, event_ms, metrics, sequence=sequence, **about)
        members = members_of(device, [[event_ms * 1_000, metrics]], sequence, **about)
        return self.outgoing(SNAPSHOTS, device, payload, members)

    def samples(self, device):
        sequence = self.sequences[device]
        about = {**self.attributes(device), "model": "m1"}
        rows, samples = [], []
        for _ in range(self.random.randrange(0, 5)):
            event_us = self.event_ms() * 1_000 + self.random.randrange(1_000)
            metric = self.random.choice(["bearing_temperature_c", "rotor_speed_rpm", "pitch_deg"])
            value = self.value(device)
            samples.append((event_us, metric, value))
            rows.append([event_us, {metric: value}])
        if samples and self.random.random() < 0.02:
            # A row without a name is a fault row beside its readable neighbours.
            samples.append((self.now_ms * 1_000, None, 1.0))
            rows.append(None)
        payload = messages.batch(device, samples, sequence=sequence, **about)
        return self.outgoing(SAMPLES, device, payload, members_of(device, rows, sequence, **about))

    def broken(self, device):
        """A record that must become a dead letter."""
        whole = messages.wide(device, self.now_ms, {"cpu_temperature_c": 1.0})
        payload = self.random.choice(
            [
                None,
                whole[:-3],
                messages.wide(None, self.now_ms, {}),
                messages.wide(device, None, {"cpu_temperature_c": 1.0}),
                messages.wide(device, 0, {}),
                messages.wide(b"nul\0inside", self.now_ms, {}),
                messages.wide(b"\xff\xfe", self.now_ms, {}),
            ]
        )
        return self.outgoing(SNAPSHOTS, device, payload, DEAD)

    def outgoing(self, topic, device, payload, members):
        return Outgoing(topic, device, payload, self.now_ms, members)


class Producer:
    """Sends records and logs each that Kafka acknowledged."""

    def __init__(self, brokers, log_path, partitions, **properties):
        """`partitions` maps a topic to its number of partitions."""
        self.partitions = partitions
        self.count = 0
        self.faults = []
        # What was said of each payload, and which payload was acknowledged where.
        self.sent, self.acknowledged = {}, {}
        self.log_path = log_path
        self.log = open(log_path, "a", encoding="utf-8")
        self.kafka = confluent_kafka.Producer(
            {
                "bootstrap.servers": brokers,
                "acks": "all",
                # A retry must not store a record twice that is logged once.
                "enable.idempotence": True,
                "linger.ms": 20,
                # A broker keeps 5 MiB of a partition as it was sent.
                "compression.type": "lz4",
                # Silent about the broker's end, which comes before its own.
                "log_level": 2,
                **properties,
            }
        )

    def send(self, topic, device, payload, timestamp_ms, members, partition=None):
        if partition is None:
            partition = zlib.crc32((device or "").encode()) % self.partitions[topic]
        digest = digest_of(payload)
        self.sent[digest] = members

        def delivered(error, message):
            if error is not None:
                self.faults.append(str(error))
                return
            self.acknowledged[topic, partition, message.offset()] = digest
            line = {
                "topic": topic,
                "partition": partition,
                "offset": message.offset(),
                "timestamp_ms": timestamp_ms,
                **members,
            }
            self.log.write(json.dumps(line) + "\n")
            self.count += 1

        arguments = {} if device is None else {"key": device.encode()}
        while True:
            try:
                self.kafka.produce(
                    topic, payload, partition=partition, timestamp=timestamp_ms,
                    on_delivery=delivered, **arguments,
                )  # fmt: skip
                break
            except BufferError:
                self.kafka.poll(0.1)
        self.kafka.poll(0)

    def send_all(self, fleet, count):
        for _ in range(count):
            one = fleet.next()
            self.send(one.topic, one.device, one.payload, one.timestamp_ms, one.members)
        self.finish()

    def finish(self, seconds=60):
        """Waits for every acknowledgement; the log is complete then."""
        left = self.kafka.flush(seconds)
        self.log.flush()
        if left or self.faults:
            raise Failure(f"{left} records were not acknowledged, {self.faults[:3]}")


def digest_of(payload):
    return hashlib.blake2b(payload or b"", digest_size=12).digest()


def write_topic_log(producer, brokers, path):
    """What is in the topics, in the form of produced.jsonl: where brokers fail, a producer does not
    learn of every record it has stored, nor of every offset. Everything acknowledged must be there,
    and nothing that was not sent. Returns how many records nobody acknowledged there.
    """
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": brokers, "group.id": "topic-log", "enable.auto.commit": False,
            "enable.partition.eof": True, "auto.offset.reset": "error", "log_level": 2}
    )  # fmt: skip
    left = {
        (topic, number)
        for topic, count in producer.partitions.items() for number in range(count)
    }  # fmt: skip
    consumer.assign([confluent_kafka.TopicPartition(*where, 0) for where in left])
    expected, surplus, deadline = dict(producer.acknowledged), 0, time.monotonic() + 120
    with open(path, "w", encoding="utf-8") as log:
        while left:
            if time.monotonic() > deadline:
                raise Failure(f"the topic cannot be read to its end: {left}")
            message = consumer.poll(1)
            if message is None:
                continue
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            if error := message.error():
                if error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    left.discard((topic, partition))
                continue
            digest = digest_of(message.value())
            if digest not in producer.sent:
                raise Failure(f"nobody sent what is at {topic}[{partition}] offset {offset}")
            acknowledged = expected.pop((topic, partition, offset), None)
            if acknowledged not in (None, digest):
                raise Failure(f"another record was acknowledged at {topic}[{partition}] {offset}")
            surplus += acknowledged is None
            line = {
                "topic": topic, "partition": partition, "offset": offset,
                "timestamp_ms": message.timestamp()[1], **producer.sent[digest],
            }  # fmt: skip
            log.write(json.dumps(line) + "\n")
    consumer.close()
    lost = [where for where in expected if where[2] is not None]
    if lost:
        raise Failure(f"{len(lost)} acknowledged records are not in the topic: {lost[:3]}")
    return surplus


class StrictBroker:
    """The mock cluster of a newer librdkafka, inside a client of this process: it heeds the wish
    that asking for a topic does not create it."""

    def __init__(self):
        self.kafka = confluent_kafka.Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0}
        )
        (broker,) = self.kafka.list_topics(timeout=30).brokers.values()
        self.address = f"{broker.host}:{broker.port}"


class SteadyProducer:
    """A fleet that produces at a rate, on a thread of its own, until it is stopped."""

    def __init__(self, producer, fleet, rate, limit):
        self.producer, self.fleet, self.rate, self.limit = producer, fleet, rate, limit
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        started, sent = time.monotonic(), 0
        while not self.stopping.is_set() and sent < self.limit:
            due = min(int((time.monotonic() - started) * self.rate), self.limit)
            for _ in range(due - sent):
                one = self.fleet.next()
                self.producer.send(
                    one.topic, one.device, one.payload, one.timestamp_ms, one.members
                )
            sent = max(sent, due)
            self.producer.kafka.poll(0.02)

    def stop(self):
        self.stopping.set()
        self.thread.join(60)
        self.producer.finish()

    def abandon(self):
        """The broker is gone: what was acknowledged is in the log, the rest is given up."""
        self.stopping.set()
        self.thread.join(60)
        self.producer.kafka.purge()
        self.producer.kafka.flush(5)
        self.producer.log.flush()


WINDOWS = [
    {"name": "1m", "size": "1m", "slide": "20s", "metrics": ["*_c", "*_v", "rotor_speed_rpm"]},
    {"name": "30s", "size": "30s", "metrics": ["cpu_*", "pitch_deg"]},
]
EVENT_TIME = {
    "out_of_orderness": "5s",
    "allowed_lateness": "1m",
    "max_future_skew": "5m",
    "device_idle": "2m",
}
SOURCES = [messages.wide_source(), messages.narrow_source()]

# Of every kind and short of breath, so that minutes of a fleet bring something about; "*_c" is
# of wide and narrow readings alike.
DETECTORS_OF_SNAPSHOTS = [
    {
        "name": "temperature",
        "metric": "*_c",
        "limits": {
            "warning": {"outside": [10, 30]},
            "critical": {"outside": [7, 33]},
            "clear_margin": 2,
        },
    },
    {"name": "twice", "metric": "*_v", "limits": {"critical": {"above": 22}, "readings": 2}},
    {
        "name": "lasting",
        "metric": "*_pct",
        "limits": {"warning": {"below": 22}, "critical": {"below": 15}, "for": "3s"},
    },
    # Nearly every reading violates it: it lives at its cap.
    {"name": "flood", "metric": "cpu_*", "limits": {"warning": {"above": 12}}, "open_max": 3},
    {"name": "silent", "silence": {"after": "20s"}},
    # A bucket of a second holds one reading; thirty of them are the fewest that are judged by.
    {"name": "spike", "metric": "battery_*", "spike": {"every": "1s", "half_life": "4m",
        "warm_up": "30s", "refractory": "0s", "false_alarm_every": "1h"}},
    {"name": "jump", "metric": "b*", "jump": {"every": "1s", "half_life": "4m",
        "warm_up": "30s", "refractory": "0s", "false_alarm_every": "1h"}},
    {"name": "shift", "metric": "*", "shift": {"every": "2s", "half_life": "4m",
        "fast_half_life": "15s", "warm_up": "30s", "refractory": "10s",
        "false_alarm_every": "1h"}},
]  # fmt: skip
DETECTORS = [
    *DETECTORS_OF_SNAPSHOTS,
    {
        "name": "rotor",
        "source": "samples",
        "metric": "rotor_*",
        "limits": {"warning": {"above": 25}, "critical": {"above": 30}, "readings": 2},
    },
]
# What every run of some minutes of event time must bring about.
EXPECTED_ANOMALIES = {
    "limits": 100, "silence": 3, "spike": 1, "jump": 1, "shift": 1, "cap": 1,
}  # fmt: skip


def fleet_sections():
    """Sections of a configuration that fit the fleet: both styles, two windows, short clocks."""
    return {"sources": SOURCES, "windows": WINDOWS, "event_time": EVENT_TIME}
