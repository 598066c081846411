"""What the table `devices` must hold at an orderly stop, from what was produced: one row a device
of a partition, by everything that was read of it."""

from anomaly_reference import CLOSED, CRITICAL
from reference import BEFORE_PLAUSIBLE, FUTURE, IMPLAUSIBLE_TIME

COLUMNS = {
    "source": "string", "device_id": "string", "kafka_topic": "string",
    "topic_incarnation": "integer", "kafka_partition": "integer", "first_seen": "timestamp",
    "last_seen": "timestamp", "last_kafka_timestamp": "timestamp", "records": "long",
    "readings": "long", "region": "string", "firmware": "string", "model": "string",
    "future_readings": "long", "before_plausible_readings": "long", "clock_skew_ms": "long",
    "clock_skew_max_ms": "long", "open_anomalies": "long", "worst_severity": "string",
    "kafka_offset": "long",
}  # fmt: skip
KEY = ["kafka_topic", "kafka_partition", "device_id"]


class Devices:
    """Rows by topic, partition and device, kept up record by record."""

    def __init__(self):
        self.rows = {}

    def take(self, sent, flags):
        """A record that gave a device, with the flags of its rows."""
        key = (sent.topic, sent.partition, sent.device)
        row = self.rows.setdefault(key, {
            "source": sent.topic, "device_id": sent.device, "kafka_topic": sent.topic,
            "topic_incarnation": 0, "kafka_partition": sent.partition, "records": 0, "readings": 0,
            "future_readings": 0, "before_plausible_readings": 0,
        })  # fmt: skip
        timestamp = sent.timestamp_ms * 1000
        row |= {"last_kafka_timestamp": timestamp, "kafka_offset": sent.offset, **sent.attributes}
        row["records"] += 1
        for (event_time, _), bits in zip(sent.rows, flags, strict=True):
            row["readings"] += 1
            row["future_readings"] += bool(bits & FUTURE)
            row["before_plausible_readings"] += bool(bits & BEFORE_PLAUSIBLE)
            skew = (event_time - timestamp) // 1000
            row["clock_skew_ms"] = skew
            row["clock_skew_max_ms"] = max(skew, row.get("clock_skew_max_ms", skew))
            if not bits & IMPLAUSIBLE_TIME:
                row["first_seen"] = min(event_time, row.get("first_seen", event_time))
                row["last_seen"] = max(event_time, row.get("last_seen", event_time))

    def at_stop(self, anomalies):
        """All rows; `anomalies` maps (topic, partition) to its AnomalyReference."""
        severities = {}
        for (topic, partition), reference in anomalies.items():
            for anomaly in reference.anomalies:
                last = anomaly.steps[-1]
                if last.state != CLOSED and last.device is not None:
                    key = (topic, partition, last.device)
                    severities.setdefault(key, []).append(last.severity)
        return [
            row | {
                "open_anomalies": len(open_ := severities.get(key, [])),
                "worst_severity": CRITICAL if CRITICAL in open_ else (open_ or [None])[0],
            }
            for key, row in self.rows.items()
        ]  # fmt: skip
