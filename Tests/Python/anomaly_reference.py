"""Which rows `anomalies` must hold for detectors of limits and of silence: a plain reference.

Written from the rules, without a shared idea with the program where there is a choice: what goes on
for a series is its list of readings, gone through again at every one. Rows of statistical detectors
are not foretold; runs are compared with each other for them (blackbox/undisturbed.py).

The rules, as this file reads them (times are integer microseconds):

A1  Records are taken in offset order, one partition for itself. What a record brings about comes in
    this order: devices that are silent by the partition's clock (R1 of reference.py) of this
    record, its own among them, by the order of their last records; its own device being back; its
    rows, by detector and then metric, which a row has in the order of the schema. A record that is
    a dead letter or a duplicate moves the clock, no more.
A2  Rows of implausible time (R2) are passed over; so are absent, NaN and infinite values.
A3  Limits: an anomaly opens when the newest readings violate the bounds for long enough: so many of
    them, or so much event time between the newest and the earliest of them. It is critical if
    the newest readings that violate the critical bounds last long enough by themselves, and becomes
    so later likewise. It closes when the newest readings are inside by `clear_margin` for as long.
    The bound to be kept on a side is the warning's, or the critical one where there is no warning.
A4  Silence: a device is due when the clock has gone on by `after` since its last record, and due
    once until it is heard again. Of the devices due in one minute of the clock the first 20 get
    an anomaly each; the others share one, which opens when the minute is over and closes when
    all of them were heard. A clock that begins anew ends the minute, and all are as old as it.
A5  Of a detector at most `open_max` are open. The first refusal opens the anomaly of the cap, which
    closes when fewer than 90 % are open. A violation that lasts is counted as refused once by each
    anomaly of the cap, and opens at the next reading for which there is room; a refused silence
    never does.

`python anomaly_reference.py --self-test` checks it against cases made by hand.
"""

import math
import sys
from dataclasses import dataclass, field

from pipeline_options import MICROS, duration_micros, matches_any
from reference import IMPLAUSIBLE_TIME, PartitionReference, is_usable

WARNING, CRITICAL = "warning", "critical"
OPENED, ESCALATED, CLOSED = "opened", "escalated", "closed"
MINUTE = 60 * MICROS
# Devices of one minute that get an anomaly of their own.
INDIVIDUALS = 20
NO_BOUNDS = (-math.inf, math.inf)


# ---- detectors ---------------------------------------------------------------------------------


@dataclass
class Limits:
    warning: tuple
    critical: tuple
    margin: float
    readings: int
    duration: int | None

    @staticmethod
    def of(rule):
        duration = rule.get("for")
        return Limits(
            warning=bounds_of(rule.get("warning")),
            critical=bounds_of(rule.get("critical")),
            margin=rule.get("clear_margin", 0),
            readings=rule.get("readings", 1),
            duration=None if duration is None else duration_micros(duration),
        )

    def bound(self, severity, side):
        """Of the severity on that side (0 low, 1 high), else of the other severity."""
        order = (self.warning, self.critical)
        first, second = order if severity == WARNING else order[::-1]
        return first[side] if math.isfinite(first[side]) else second[side]

    def is_critical(self, value):
        return not self.critical[0] <= value <= self.critical[1]

    def is_violated(self, value):
        return self.is_critical(value) or not self.warning[0] <= value <= self.warning[1]

    def is_clear(self, value):
        low, high = self.bound(WARNING, 0), self.bound(WARNING, 1)
        return low + self.margin <= value <= high - self.margin

    def excess(self, value):
        """(how far beyond the milder bound, on which side): the side it is nearer to."""
        below, above = self.bound(WARNING, 0) - value, value - self.bound(WARNING, 1)
        return (above, 1) if above > below else (below, 0)

    def lasts(self, readings, holds):
        """Whether the newest readings of which it holds are long enough."""
        earliest = math.inf
        for count, (time, value) in enumerate(reversed(readings), 1):
            if not holds(value):
                return False
            earliest = min(earliest, time)
            long_enough = count >= self.readings
            if self.duration is not None:
                long_enough = readings[-1][0] - earliest >= self.duration
            if long_enough:
                return True
        return False


def bounds_of(mapping):
    if mapping is None:
        return NO_BOUNDS
    low, high = mapping.get("outside", NO_BOUNDS)
    return mapping.get("below", low), mapping.get("above", high)


@dataclass
class Detector:
    """A detector of a configuration; `limits` and `after` are None for statistical ones."""

    name: str
    metric: str | None
    open_max: int
    limits: Limits | None
    after: int | None
    # Metric -> whether it watches it; asked for every value, so remembered.
    known: dict = field(default_factory=dict)

    @property
    def is_foretold(self):
        return self.limits is not None or self.after is not None

    def takes(self, metric):
        if metric not in self.known:
            self.known[metric] = matches_any(metric, [self.metric])
        return self.known[metric]

    @staticmethod
    def all_of(config, source):
        """Those of the source of that name, in the order of the configuration."""
        return [
            Detector(
                name=entry["name"],
                metric=entry.get("metric"),
                open_max=entry.get("open_max", 1000),
                limits=Limits.of(entry["limits"]) if "limits" in entry else None,
                after=duration_micros(entry["silence"]["after"]) if "silence" in entry else None,
            )
            for entry in config.get("detectors", [])
            if matches_any(source, [entry.get("source", "*")])
        ]


# ---- results -----------------------------------------------------------------------------------


@dataclass
class Step:
    """One row of `anomalies`."""

    detector: str
    device: str | None
    metric: str | None
    state: str
    severity: str
    event_time: int
    offset: int
    value: float | None
    expected: float | None
    score: float | None
    threshold: float | None
    attributes: dict
    # Of the evidence, what the rules decide.
    evidence: dict

    def key(self):
        """Everything, to compare and count with."""
        return (
            self.detector, self.device, self.metric, self.state, self.severity, self.event_time,
            self.offset, self.value, self.expected, self.score, self.threshold,
            tuple(sorted(self.attributes.items())), tuple(sorted(self.evidence.items())),
        )  # fmt: skip


@dataclass
class Anomaly:
    severity: str
    steps: list = field(default_factory=list)

    @property
    def is_open(self):
        return self.steps[-1].state != CLOSED


class Device:
    def __init__(self):
        self.newest = None
        self.attributes = {}
        # The clock at its last record.
        self.heard = None


class Summary:
    """The devices of a minute beyond the individuals."""

    def __init__(self):
        self.count = 0
        self.silent = set()
        self.first_due = self.last_due = None
        self.anomaly = None

    def add(self, name, due):
        self.count += 1
        self.silent.add(name)
        dues = [time for time in (self.first_due, self.last_due, due) if time is not None]
        self.first_due, self.last_due = min(dues), max(dues)


# ---- the rules ---------------------------------------------------------------------------------


class Watch:
    """What one detector has going on; A5 is here."""

    def __init__(self, reference, detector):
        self.reference, self.detector = reference, detector
        self.open = set()
        self.cap = None
        self.refused = 0

    def open_anomaly(self, severity, refusals=1, **about):
        """The anomaly, or None where the cap refuses it."""
        if len(self.open) >= self.detector.open_max:
            if self.cap is None:
                self.cap = Anomaly(WARNING)
                self.refused = 0
                self.tell_cap(OPENED, about["event_time"])
                self.reference.anomalies.append(self.cap)
            self.refused += refusals
            self.reference.refused += refusals
            return None
        anomaly = Anomaly(severity)
        self.open.add(id(anomaly))
        self.reference.anomalies.append(anomaly)
        self.tell(anomaly, OPENED, **about)
        return anomaly

    def close(self, anomaly, **about):
        self.open.discard(id(anomaly))
        self.tell(anomaly, CLOSED, **about)
        limit = self.detector.open_max - self.detector.open_max // 10
        if self.cap is not None and len(self.open) < limit:
            self.tell_cap(CLOSED, about["event_time"], refused=self.refused)
            self.cap = None

    def tell_cap(self, state, event_time, **evidence):
        maximum = self.detector.open_max
        evidence.update(kind="cap", open=len(self.open), open_max=maximum)
        self.tell(
            self.cap, state, event_time=event_time, value=float(len(self.open)),
            threshold=float(maximum), evidence=evidence,
        )  # fmt: skip

    def tell(
        self, anomaly, state, *, event_time, value, threshold, evidence, device=None, metric=None,
        expected=None, score=None,
    ):  # fmt: skip
        known = self.reference.devices[device].attributes if device is not None else {}
        anomaly.steps.append(
            Step(
                self.detector.name, device, metric, state, anomaly.severity, event_time,
                self.reference.offset, value, expected, score, threshold, dict(known), evidence,
            )  # fmt: skip
        )


class Series:
    def __init__(self):
        # Since the first reading that violated.
        self.readings = []
        self.anomaly = None
        # The anomaly of the cap that counted it.
        self.refused_by = None


class LimitsWatch(Watch):
    """A3."""

    def __init__(self, reference, detector):
        super().__init__(reference, detector)
        self.series = {}

    def read(self, device, time, values):
        for metric, value in values.items():
            if is_usable(value) and self.detector.takes(metric):
                self.judge(device, metric, time, float(value))

    def judge(self, device, metric, time, value):
        limits = self.detector.limits
        is_violated = limits.is_violated(value)
        if (device, metric) not in self.series and not is_violated:
            return
        series = self.series.setdefault((device, metric), Series())
        series.readings.append((time, value))
        anomaly = series.anomaly
        if is_violated:
            is_critical = limits.lasts(series.readings, limits.is_critical)
            if anomaly is None:
                if is_critical or limits.lasts(series.readings, limits.is_violated):
                    self.try_to_open(device, metric, series, CRITICAL if is_critical else WARNING)
            elif is_critical and anomaly.severity == WARNING:
                anomaly.severity = CRITICAL
                self.tell(anomaly, ESCALATED, **self.about(device, metric, series, CRITICAL, value))
            return
        if anomaly is None:
            del self.series[(device, metric)]
        elif limits.lasts(series.readings, limits.is_clear):
            violating = [one for _, one in series.readings if limits.is_violated(one)]
            worst = max(violating, key=lambda one: limits.excess(one)[0])
            about = self.about(device, metric, series, anomaly.severity, worst)
            self.close(anomaly, **about)
            del self.series[(device, metric)]

    def try_to_open(self, device, metric, series, severity):
        about = self.about(device, metric, series, severity, series.readings[-1][1])
        is_counted = self.cap is not None and series.refused_by is self.cap
        series.anomaly = self.open_anomaly(severity, 0 if is_counted else 1, **about)
        series.refused_by = self.cap if series.anomaly is None else None

    def about(self, device, metric, series, severity, decisive):
        """The row's columns; the side is that of the value that decides."""
        limits = self.detector.limits
        time, value = series.readings[-1]
        side = limits.excess(decisive)[1]
        bound = limits.bound(severity, side)
        violating = [one for _, one in series.readings if limits.is_violated(one)]
        evidence = {
            "kind": "limits",
            "side": ("low", "high")[side],
            "worst": max(violating, key=lambda one: limits.excess(one)[0]),
            "violations": len(violating),
        }
        return {
            "device": device,
            "metric": metric,
            "event_time": time,
            "value": value,
            "expected": bound,
            "score": value - bound if side else bound - value,
            "threshold": bound,
            "evidence": evidence,
        }


class SilenceWatch(Watch):
    """A4."""

    def __init__(self, reference, detector):
        super().__init__(reference, detector)
        # Devices that are not silent, by the order of their last records; {device: None}.
        self.awake = {}
        # Device -> (anomaly, the clock at its last record), or its summary.
        self.silent = {}
        self.minute = None
        self.individuals = 0
        # Of the minute at hand.
        self.gathering = None

    def begin_anew(self):
        self.open_summary()
        self.minute, self.individuals = None, 0

    def look(self, now):
        while (name := next(iter(self.awake), None)) is not None:
            due = self.reference.devices[name].heard + self.detector.after
            if due > now:
                break
            del self.awake[name]
            self.fall_silent(name, due)
        if self.gathering is not None and self.minute + MINUTE <= now:
            self.open_summary()

    def fall_silent(self, name, due):
        minute = due // MINUTE * MINUTE
        if self.minute is None or minute > self.minute:
            self.open_summary()
            self.minute, self.individuals = minute, 0
        if self.individuals == INDIVIDUALS:
            self.gathering = self.gathering or Summary()
            self.gathering.add(name, due)
            self.silent[name] = self.gathering
            return
        self.individuals += 1
        device = self.reference.devices[name]
        time = self.reference.now if device.newest is None else device.newest
        anomaly = self.open_anomaly(WARNING, **self.about(name, device.heard, time))
        if anomaly is not None:
            self.silent[name] = (anomaly, device.heard)

    def hear(self, name, time):
        self.awake.pop(name, None)
        self.awake[name] = None
        found = self.silent.pop(name, None)
        if isinstance(found, Summary):
            found.silent.discard(name)
            if found is not self.gathering:
                self.close_if_complete(found)
        elif found is not None:
            anomaly, heard = found
            self.close(anomaly, **self.about(name, heard, time))

    def about(self, name, heard, time):
        seconds = max(self.reference.now - heard, 0) / 1e6
        return {
            "device": name,
            "event_time": time,
            "value": seconds,
            "score": seconds,
            "threshold": self.detector.after / 1e6,
            "evidence": {"kind": "silence", "silent_seconds": seconds},
        }

    def open_summary(self):
        summary, self.gathering = self.gathering, None
        if summary is None:
            return
        about = self.about_summary(summary, summary.first_due)
        summary.anomaly = self.open_anomaly(WARNING, summary.count, **about)
        self.close_if_complete(summary)

    def close_if_complete(self, summary):
        if summary.anomaly is not None and not summary.silent:
            about = self.about_summary(summary, self.reference.now)
            self.close(summary.anomaly, **about)

    def about_summary(self, summary, time):
        return {
            "event_time": time,
            "value": float(summary.count),
            "threshold": self.detector.after / 1e6,
            "evidence": {"kind": "silence_summary", "devices": summary.count},
        }


class AnomalyReference:
    """A1 over one partition: `feed` its records in offset order, then read `anomalies`."""

    def __init__(self, source, detectors):
        # For the clock and the flags of rows alone.
        self.partition = PartitionReference(source, lambda device: False)
        self.devices = {}
        self.anomalies = []
        self.refused = 0
        self.offset = self.now = None
        self.limits = [LimitsWatch(self, one) for one in detectors if one.limits is not None]
        self.silences = [SilenceWatch(self, one) for one in detectors if one.after is not None]

    @property
    def steps(self):
        return [step for anomaly in self.anomalies for step in anomaly.steps]

    def feed(self, record):
        flags = self.partition.feed(record)
        clock = self.partition.clock.now
        self.offset = record.offset
        if clock is not None:
            if self.now is None or clock < self.now:
                for watch in self.silences:
                    watch.begin_anew()
                for device in self.devices.values():
                    device.heard = clock
            self.now = clock
            for watch in self.silences:
                watch.look(self.now)
        if record.is_dead or record.is_duplicate:
            return
        device = self.devices.setdefault(record.device, Device())
        known = {name: word for name, word in record.attributes.items() if word is not None}
        device.attributes.update(known)
        rows = [
            row
            for row, bits in zip(record.rows, flags)
            if row is not None and not bits & IMPLAUSIBLE_TIME
        ]
        times = [row[0] for row in rows] + ([] if device.newest is None else [device.newest])
        device.newest = max(times, default=None)
        for watch in self.silences:
            watch.hear(record.device, self.now if device.newest is None else device.newest)
        device.heard = self.now
        for time, values in rows:
            for watch in self.limits:
                watch.read(record.device, time, values)


if __name__ == "__main__":
    if sys.argv[1:] != ["--self-test"]:
        sys.exit("usage: anomaly_reference.py --self-test (otherwise import it)")
    import anomaly_reference_self_test

    anomaly_reference_self_test.self_test()
