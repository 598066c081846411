"""What the tables must hold, from what was produced: readings and dead letters as they were sent,
windows and anomalies as the references foretell them. No reader of Parquet is involved."""

import datetime
import math
from dataclasses import dataclass

import pyarrow
import pyarrow.compute as pc

import devices_truth
from anomaly_reference import AnomalyReference, Detector
from live_table import ARROW_TYPES
from pipeline_options import AGGREGATES, Source
from reference import IMPLAUSIBLE_TIME, PartitionReference, Record
from typed_fleet import GONE, METRICS, NEW_METRICS, REPORTS, SAMPLES

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
PLACE = {"kafka_topic": "string", "topic_incarnation": "integer", "kafka_partition": "integer"}
READING = {
    "device_id": "string", "event_time": "timestamp", "sequence": "long", "flags": "integer",
    **PLACE, "kafka_offset": "long", "kafka_timestamp": "timestamp", "row_index": "integer",
    "event_date": "date",
}  # fmt: skip
ATTRIBUTES = {"region": "string", "firmware": "string"}
COLUMNS = {
    "readings_reports": {**READING, **ATTRIBUTES, **METRICS},
    "readings_samples": {
        **READING, **ATTRIBUTES, "model": "string", "metric": "string", "value": "double",
    },
    "windows": {
        "source": "string", "device_id": "string", **ATTRIBUTES, "model": "string",
        "metric": "string", "window_name": "string", "window_start": "timestamp",
        "window_end": "timestamp", "revision": "integer", "count": "long",
        **{name: "double" for name in AGGREGATES if name != "count"}, **PLACE, "event_date": "date",
    },
    "anomalies": {
        "source": "string", "device_id": "string", **ATTRIBUTES, "model": "string",
        "metric": "string", "detector": "string", "severity": "string", "state": "string",
        "event_time": "timestamp", "value": "double", "expected": "double", "score": "double",
        "threshold": "double", **PLACE, "kafka_offset": "long", "event_date": "date",
    },
    "dead_letters": {
        "source": "string", **PLACE, "kafka_offset": "long", "kafka_timestamp": "timestamp",
        "row_index": "integer", "key": "binary", "payload": "binary", "stage": "string",
        "reason": "string", "event_date": "date",
    },
    "dead_letter_replays": {}, "gaps": {},
}  # fmt: skip
KEYS = {
    "readings_reports": ["kafka_partition", "kafka_offset", "row_index"],
    "readings_samples": ["kafka_partition", "kafka_offset", "row_index"],
    "windows": ["device_id", "metric", "window_name", "window_start", "revision"],
    "anomalies": ["device_id", "metric", "detector", "kafka_offset", "event_time", "state"],
    "dead_letters": ["kafka_topic", "kafka_partition", "kafka_offset", "row_index"],
    "dead_letter_replays": [], "gaps": [], "devices": devices_truth.KEY,
}  # fmt: skip
# Sums of doubles depend on the order they were added in.
LOOSE = {"windows": ["sum", "mean", "stddev"], "anomalies": ["expected", "score", "threshold"]}


def moment(micros):
    return EPOCH + datetime.timedelta(microseconds=micros)


def days_of(micros):
    return micros // 86_400_000_000


def schema_of(columns):
    return pyarrow.schema([(name, ARROW_TYPES[kind]) for name, kind in columns.items()])


class Truth:
    """{table: the rows that are due}, growing with what is sent, shrinking with what is deleted."""

    def __init__(self, config):
        self.sources = {source.name: source for source in Source.all_of(config)}
        self.detectors = {name: Detector.all_of(config, name) for name in self.sources}
        self.windows, self.anomalies, self.told = {}, {}, {}
        self.devices = devices_truth.Devices()
        self.tables = {
            name: schema_of(columns).empty_table() for name, columns in COLUMNS.items()
        }
        self.version = 1

    def grow(self):
        """Version 2 of the message: columns more, and one that is null from now on."""
        self.version = 2
        reports = self.tables["readings_reports"]
        for name, kind in NEW_METRICS.items():
            nulls = pyarrow.nulls(reports.num_rows, ARROW_TYPES[kind])
            reports = reports.append_column(pyarrow.field(name, ARROW_TYPES[kind]), nulls)
        self.tables["readings_reports"] = reports

    def take(self, batch):
        """Records in the order they were sent."""
        rows = {name: [] for name in self.tables}
        for sent in batch:
            self.take_record(sent, rows)
        for key, reference in self.windows.items():
            told = self.told.get(key, 0)
            rows["windows"] += [window_row(key, one) for one in reference.firings[told:]]
            self.told[key] = len(reference.firings)
        for key, reference in self.anomalies.items():
            steps = reference.steps
            told = self.told.setdefault((key, "steps"), set())
            fresh = [step for step in steps if id(step) not in told]
            told |= {id(step) for step in fresh}
            rows["anomalies"] += [anomaly_row(key, step) for step in fresh]
        for name, found in rows.items():
            schema = self.tables[name].schema
            columns = {field.name: [row.get(field.name) for row in found] for field in schema}
            added = pyarrow.table(columns, schema=schema) if found else schema.empty_table()
            self.tables[name] = pyarrow.concat_tables([self.tables[name], added])

    def take_record(self, sent, rows):
        key = (sent.topic, sent.partition)
        source = self.sources[sent.topic]
        if key not in self.windows:
            self.windows[key] = PartitionReference(source)
            self.anomalies[key] = AnomalyReference(source, self.detectors[sent.topic])
        timestamp = sent.timestamp_ms * 1000
        record = Record(
            offset=sent.offset, timestamp=timestamp, device=None if sent.is_dead else sent.device,
            rows=[list(row) for row in sent.rows], attributes=sent.attributes,
            sequence=sent.sequence, is_dead=sent.is_dead,
        )  # fmt: skip
        place = {
            "source": sent.topic, "kafka_topic": sent.topic, "topic_incarnation": 0,
            "kafka_partition": sent.partition, "kafka_offset": sent.offset,
            "kafka_timestamp": timestamp,
        }  # fmt: skip
        flags = self.windows[key].feed(record)
        self.anomalies[key].feed(record)
        if not sent.is_dead:
            self.devices.take(sent, flags)
        for index, (event_time, values) in enumerate(sent.rows):
            is_odd = flags[index] & IMPLAUSIBLE_TIME
            row = {
                **place, "device_id": sent.device, "event_time": event_time, "row_index": index,
                "sequence": sent.sequence, "flags": flags[index], **sent.attributes,
                "event_date": days_of(timestamp if is_odd else event_time),
            }  # fmt: skip
            if sent.topic == SAMPLES:
                ((row["metric"], row["value"]),) = values.items()
            else:
                row |= values
            rows[f"readings_{sent.topic}"].append(row)
        for index, stage, reason in sent.letters:
            rows["dead_letters"].append({
                **place, "row_index": index, "key": sent.device.encode(), "payload": sent.payload,
                "stage": stage, "reason": reason, "event_date": days_of(timestamp),
            })  # fmt: skip

    def stop(self):
        """An orderly stop: `devices` has everything."""
        rows = self.devices.at_stop(self.anomalies)
        schema = schema_of(devices_truth.COLUMNS)
        columns = {field.name: [row.get(field.name) for row in rows] for field in schema}
        self.tables["devices"] = pyarrow.table(columns, schema=schema)

    def drop(self, table, terms):
        """Rows that somebody deletes."""
        rows = self.tables[table]
        self.tables[table] = rows.filter(pc.invert(mask(rows, terms)))

    def drop_before(self, table, date):
        self.drop(table, [("event_date", "<", date)])


def window_row(key, firing):
    topic, partition = key
    asked = firing.window.aggregates
    return {
        "source": topic, "device_id": firing.device, **firing.attributes, "metric": firing.metric,
        "window_name": firing.window.name, "window_start": firing.start, "window_end": firing.end,
        "revision": firing.revision,
        **{name: getattr(firing, name) for name in AGGREGATES if name in asked},
        "kafka_topic": topic, "topic_incarnation": 0, "kafka_partition": partition,
        "event_date": days_of(firing.start),
    }  # fmt: skip


def anomaly_row(key, step):
    topic, partition = key
    return {
        "source": topic, "device_id": step.device, **step.attributes, "metric": step.metric,
        "detector": step.detector, "severity": step.severity, "state": step.state,
        "event_time": step.event_time, "value": step.value, "expected": step.expected,
        "score": step.score, "threshold": step.threshold, "kafka_topic": topic,
        "topic_incarnation": 0, "kafka_partition": partition, "kafka_offset": step.offset,
        "event_date": days_of(step.event_time),
    }  # fmt: skip


# ---- filters and aggregates ----------------------------------------------------------------------


@dataclass
class Filter:
    """A name and the terms that must all hold: (column, operator, value); the operators are
    =, <, >= and `is null`."""

    name: str
    terms: list


def mask(rows, terms):
    """Which rows satisfy all terms, as an array of booleans without nulls. NaN satisfies none."""
    held = pyarrow.chunked_array([pyarrow.repeat(True, rows.num_rows)])
    for column, operator, value in terms:
        values = rows[column]
        if operator == "is null":
            found = pc.is_null(values)
        else:
            compared = {"=": pc.equal, "<": pc.less, ">=": pc.greater_equal}[operator]
            found = pc.fill_null(compared(values, pyarrow.scalar(value, values.type)), False)
        held = pc.and_(held, found)
    return held


def filters_of(name, rows):
    """Filters that find something in most tables of that name; of dates, devices, and the rest."""
    if not rows.num_rows:
        return []
    if name == "devices":
        return filters_of_devices(rows)
    dates = sorted(set(rows["event_date"].to_pylist()) - {None})
    date = dates[len(dates) // 2]
    filters = [Filter("date", [("event_date", "=", date)])]
    if "device_id" in rows.schema.names:
        devices = sorted(set(rows["device_id"].to_pylist()) - {None})
        device = devices[len(devices) // 3]
        quoted = next((one for one in devices if "'" in one), devices[0])
        filters += [
            Filter("device", [("device_id", "=", quoted)]),
            Filter("date, device", [("event_date", "=", date), ("device_id", "=", device)]),
            Filter("no such device", [("device_id", "=", "aaa")]),
        ]
    noon = datetime.datetime.combine(date, datetime.time(7), UTC)
    time = {"windows": "window_start", "dead_letters": "kafka_timestamp"}.get(name, "event_time")
    end = noon + datetime.timedelta(minutes=40)
    filters.append(Filter("time", [(time, ">=", noon), (time, "<", end)]))
    return filters + OWN_FILTERS.get(name, lambda rows: [])(rows)


def filters_of_devices(rows):
    found = [
        Filter("partition", [("kafka_topic", "=", REPORTS), ("kafka_partition", "=", 1)]),
        Filter("device", [("device_id", "=", rows["device_id"][0].as_py())]),
        Filter("integer", [("open_anomalies", ">=", 1)]),
        Filter("null", [("region", "is null", None)]),
    ]
    if "last_seen" in rows.schema.names:  # not what a reader is known to misread
        seen = sorted(rows["last_seen"].to_pylist())
        found.append(Filter("time", [("last_seen", ">=", seen[len(seen) // 2])]))
    return found


def filters_of_reports(rows):
    far = moment(253_402_300_799_999_999)
    found = [
        Filter("double", [("level", "<", 8.25)]),
        Filter("double with NaN", [("spin", ">=", -5.0), ("spin", "<", 5.0)]),
        Filter("float", [("ratio", ">=", 50.0), ("ratio", "<", 50.5)]),
        Filter("long", [("far", "=", 2**63 - 1)]),
        Filter("integer", [(GONE, "=", 4)]),
        Filter("boolean", [("ok", "=", True), ("mode", "=", "SUN")]),
        Filter("unicode", [("note", "=", "\U0001f6f0 überwacht")]),
        Filter("quotes", [("note", "=", "quo'te \"two\" \\ back")]),
        Filter("empty text", [("note", "=", "")]),
        Filter("null", [("note", "is null", None)]),
        Filter("time before 1970", [("fixed_at", "<", EPOCH)]),
        Filter("time, year 9999", [("fixed_at", "=", far)]),
    ]
    if "humidity" in rows.schema.names:
        found += [
            Filter("new column", [("humidity", "<", 0.0625)]),
            Filter("new column, null", [("humidity", "is null", None), ("level", "<", 12.0)]),
        ]
    return found


OWN_FILTERS = {
    "readings_reports": filters_of_reports,
    "readings_samples": lambda rows: [
        Filter("metric", [("metric", "=", "pitch_deg"), ("value", "<", 40.0)]),
    ],
    "windows": lambda rows: [
        Filter("metric", [("metric", "=", "level"), ("window_name", "=", "20m")]),
        Filter("null", [("stddev", "is null", None)]),
    ],
    "anomalies": lambda rows: [Filter("state", [("state", "=", "opened")])],
    "dead_letters": lambda rows: [
        Filter("reason", [("reason", "=", "no_time")]),
        Filter("null", [("payload", "is null", None)]),
    ],
}


@dataclass
class Aggregate:
    """What is asked: count, sum, min, max or distinct of a column; and what is due."""

    function: str
    column: str | None
    due: object
    # Of an error of a sum of doubles.
    scale: float = 0.0


def aggregates_of(rows, unforetold, loose=()):
    """[(terms, [Aggregate])]: one question for all columns, and one for each with NaN in it, of its
    finite values. Bounds of the loose columns may differ as their values may."""
    asked = [Aggregate("count", None, rows.num_rows)]
    asked += [Aggregate("count", name, rows.num_rows) for name in unforetold]
    questions = [([], asked)]
    for field in rows.schema:
        values = [value for value in rows[field.name].to_pylist() if value is not None]
        asked.append(Aggregate("count", field.name, len(values)))
        if field.name == "device_id":
            asked.append(Aggregate("distinct", field.name, len(set(values))))
        if pyarrow.types.is_boolean(field.type) or pyarrow.types.is_binary(field.type):
            continue
        if pyarrow.types.is_floating(field.type) and not all(map(math.isfinite, values)):
            finite = [value for value in values if math.isfinite(value)]
            terms = [(field.name, ">=", -1e300), (field.name, "<", 1e300)]
            questions.append((terms, of_values(field, finite)))
        else:
            asked += of_values(field, values)
    for one in asked:
        if one.column in loose and one.function in ("min", "max") and one.due is not None:
            one.scale = 1e3 * max(1.0, abs(one.due))
    return questions


def of_values(field, values):
    low, high = (min(values), max(values)) if values else (None, None)
    found = [Aggregate("min", field.name, low), Aggregate("max", field.name, high)]
    if pyarrow.types.is_floating(field.type) and values:
        scale = math.fsum(map(abs, values))
        if field.type == pyarrow.float32():  # some add in the column's own type
            scale *= 2**20
        found.append(Aggregate("sum", field.name, math.fsum(values), scale))
    elif pyarrow.types.is_integer(field.type) and values and max(map(abs, values)) < 2**40:
        found.append(Aggregate("sum", field.name, sum(values)))
    return found
