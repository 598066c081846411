"""What the tables must hold: a brute-force reference of the event-time rules.

Written from the design alone and without a shared idea with the program: the program keeps one
partial aggregate per slice and merges; this keeps every row and adds up again for every firing.
Slow and plain on purpose. It answers, for the records of one partition in offset order, which
rows `readings_<source>` and `windows` hold, value for value.

The rules, as this file reads them (times are integer microseconds):

R1  The partition's clock is the largest Kafka timestamp delivered. A producer's jump of more than
    `max_future_skew` must be confirmed before it is believed (`PartitionClock` says how).
R2  A row is `before_plausible` or `future` by its event time; such a row is stored, enters no
    window and moves no clock. A record the broker stamped (LogAppendTime) is judged by its own
    timestamp, any other by the partition's clock.
R3  All rows of a record enter before the device's watermark moves. The watermark is the newest
    plausible event time - `out_of_orderness`; it never goes back.
R4  A window is dropped once end + `allowed_lateness` <= watermark: no row enters it from then on.
    A row is accepted if one window that contains it is not dropped, and enters those alone; else
    it is too late and only archived.
R5  After a record, every window with end <= watermark that has data and has not fired for that
    series fires, revision 0.
R6  An accepted value marks every window of its series that contains it, is not dropped and has
    ended (end <= watermark) or fired before as dirty. Dirty windows that have ended fire when the
    watermark next crosses an edge of the finest slice (gcd of all sizes and slides of the source),
    or when they are dropped if that comes first: a change that was accepted always fires.
R7  The revision of a firing is the number of firings that window had for that series before.
R8  A device is idle when the partition's clock has advanced by `device_idle` since the device's
    last record, looked at after each record: its open and dirty windows fire once and its
    watermark moves to its newest event time.
R9  A decision to fire open windows, bound to an offset, does to every device what R8 does.
R10 NaN and infinities enter no window. An aggregate that leaves the double range is null.
R11 A device silent for `forget_after` more than that is forgotten: every window up to the newest
    that fired counts as dropped from then on.

`python reference.py --self-test` checks it against hand-made cases and a second, quadratic
formulation.
"""

import heapq
import json
import math
import sys
from dataclasses import dataclass, field

from pipeline_options import AGGREGATES, Window

# Bits of the column `flags`.
NON_FINITE, BEFORE_PLAUSIBLE, FUTURE, OUT_OF_RANGE = 1, 2, 4, 8
IMPLAUSIBLE_TIME = BEFORE_PLAUSIBLE | FUTURE


# ---- records and results -----------------------------------------------------------------------


@dataclass
class Record:
    """A produced record. A row is (event time, {metric: value}), or None where the row could not
    be read; `device` is None and `rows` empty for a dead letter and for a duplicate."""

    offset: int
    timestamp: int | None
    device: str | None
    rows: list
    attributes: dict = field(default_factory=dict)
    sequence: int | None = None
    has_append_time: bool = False
    is_dead: bool = False
    # Left out because it was there before: it moves the partition's clock, as any record does.
    is_duplicate: bool = False
    # Of the topic: one more for each re-creation.
    incarnation: int = 0
    # What a replay of its dead letters brings back: {"rows": [[index, time, {metric: value}], …]},
    # and device, sequence and attributes where they differ.
    replayed: dict | None = None

    @staticmethod
    def parse(line):
        """One line of produced.jsonl; returns (topic, partition, record)."""
        fields = json.loads(line)
        timestamp = fields.get("timestamp_us")
        if timestamp is None and fields.get("timestamp_ms") is not None:
            timestamp = fields["timestamp_ms"] * 1_000
        record = Record(
            offset=fields["offset"],
            timestamp=timestamp,
            device=None if fields.get("dead") or fields.get("duplicate") else fields.get("device"),
            rows=fields.get("rows", []),
            attributes=fields.get("attributes", {}),
            sequence=fields.get("sequence"),
            has_append_time=fields.get("append_time", False),
            is_dead=fields.get("dead", False),
            is_duplicate=fields.get("duplicate", False),
            incarnation=fields.get("incarnation", 0),
            replayed=fields.get("replayed"),
        )
        return fields["topic"], fields["partition"], record


@dataclass
class Firing:
    """One row of `windows`."""

    device: str
    attributes: dict
    metric: str
    window: Window
    start: int
    revision: int
    count: int
    sum: float | None
    mean: float | None
    min: float
    max: float
    stddev: float | None
    first: float
    last: float

    @property
    def end(self):
        return self.start + self.window.size

    def key(self):
        return (self.device, self.metric, self.window.name, self.start, self.revision)


def exact_sum(values):
    """The correctly rounded sum, or the plain one where a partial sum leaves the double range."""
    try:
        return math.fsum(values)
    except OverflowError:
        return sum(values)


def aggregate(values):
    """The eight aggregates over the values of one window of one series, ordered by event time,
    offset and row."""
    count = len(values)
    total = exact_sum(values)
    mean = total / count
    stddev = None
    if count > 1:
        squares = [(value - mean) * (value - mean) for value in values]
        stddev = math.sqrt(exact_sum(squares) / (count - 1))
    found = {
        "count": count,
        "sum": total,
        "mean": mean,
        "min": min(values),
        "max": max(values),
        "stddev": stddev,
        "first": values[0],
        "last": values[-1],
    }
    return {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in found.items()
    }


def is_usable(value):
    """Whether a value enters windows: a finite number (a boolean counts as 0 or 1)."""
    return isinstance(value, (int, float)) and math.isfinite(value) and fits_a_column(value)


def fits_a_column(value):
    return not isinstance(value, int) or value <= 2**63 - 1


# ---- the rules ---------------------------------------------------------------------------------


class PartitionClock:
    """R1. Stamps of the broker always count. A producer's stamp too far ahead is held back:
    consecutive ones form a run, and the clock takes the smallest of the run once it has two
    devices or three records; a stamp within the skew ends the run. The very first stamp is
    believed only until another device's first stamp lies lower by more than the skew. Records
    without a device neither confirm nor contradict."""

    def __init__(self, max_future_skew):
        self.max_future_skew = max_future_skew
        self.now = None
        self.held = []
        self.unconfirmed_device = None
        self.is_unconfirmed = False

    def observe(self, timestamp, device, has_append_time=False):
        """Takes a record's stamp; returns whether the clock begins anew with it."""
        if timestamp is None:
            return False
        if self.now is None:
            self.now = timestamp
            self.is_unconfirmed = not has_append_time
            self.unconfirmed_device = device
            return True
        if has_append_time:
            self.held, self.is_unconfirmed = [], False
            self.now = max(self.now, timestamp)
            return False
        if self.is_unconfirmed and device not in (None, self.unconfirmed_device):
            self.is_unconfirmed = False
            if timestamp < self.now - self.max_future_skew:
                self.now, self.held = timestamp, []
                return True
        if timestamp > self.now + self.max_future_skew:
            self.hold(timestamp, device)
            return False
        if device is not None:
            self.held = []
        self.now = max(self.now, timestamp)
        return False

    def hold(self, timestamp, device):
        if device is None:
            return
        self.held.append((device, timestamp))
        if len(self.held) >= 3 or len({who for who, _ in self.held}) >= 2:
            self.now = max(self.now, min(stamp for _, stamp in self.held))
            self.held, self.is_unconfirmed = [], False


class Device:
    def __init__(self):
        self.newest = None
        self.watermark = -math.inf
        self.attributes = {}
        # The newest end that fired, and the end up to which a forgotten device's are dropped.
        self.newest_fired = -math.inf
        self.forgotten_through = -math.inf
        # Accepted rows by finest slice: the slice is only a bucket here, nothing is summed in it.
        self.slices = {}
        # Windows that got data and have never been looked at for firing: heap of (end, start,
        # index of the window), and the same as a set.
        self.open_heap = []
        self.open = set()
        # (window index, start) -> metrics to fire again.
        self.dirty = {}
        # (window index, start) -> {metric: firings so far}.
        self.fired = {}


class PartitionReference:
    """The rules R1-R10 over one partition; `feed` its records in offset order, then `finish`."""

    def __init__(self, source, takes_device=lambda device: True):
        """`takes_device` leaves out the windows of some devices, where all would take too long."""
        self.source = source
        self.takes_device = takes_device
        self.options = source.event_time
        self.clock = PartitionClock(self.options.max_future_skew)
        self.devices = {}
        # Device -> the clock at its last record, the longest silent first.
        self.awake = {}
        self.idle = {}
        self.firings = []
        self.counts = {"accepted": 0, "too_late": 0, "implausible": 0}
        edges = [edge for window in source.windows for edge in (window.size, window.slide)]
        self.slice = math.gcd(*edges) if edges else 1
        self.largest = max((window.size for window in source.windows), default=0)

    def feed(self, record):
        """Takes one record in and returns the flags of its rows (None for an unreadable row)."""
        if self.clock.observe(record.timestamp, record.device, record.has_append_time):
            # What was heard before is as old as the clock that begins now.
            for queue in (self.awake, self.idle):
                queue.update(dict.fromkeys(queue, self.clock.now))
        if record.is_dead or record.is_duplicate:
            self.look_for_silence()
            return []
        device = self.devices.setdefault(record.device, Device())
        for queue in (self.awake, self.idle):
            queue.pop(record.device, None)
        self.awake[record.device] = self.clock.now
        device.attributes.update(
            (name, value) for name, value in record.attributes.items() if value is not None
        )
        flags = [None if row is None else self.flags_of(row, record) for row in record.rows]
        if not self.takes_device(record.device):
            del self.awake[record.device]
            return flags
        newest = device.newest
        for index, row in enumerate(record.rows):
            if row is None:
                continue
            if flags[index] & IMPLAUSIBLE_TIME:
                self.counts["implausible"] += 1
                continue
            self.enter(device, record.offset, index, row)
            newest = row[0] if newest is None else max(newest, row[0])
        device.newest = newest
        if newest is not None:
            self.advance(record.device, newest - self.options.out_of_orderness)
        self.look_for_silence()
        return flags

    def finish(self, fires_open_windows=False):
        """R9 at the end of the input; then `open_windows` tells what never fired."""
        if fires_open_windows:
            for name in list(self.awake):
                self.close(name)

    def open_windows(self):
        """(device, metric, window name, start) with data that have not fired (final state)."""
        return {
            (name, metric, self.source.windows[index].name, start)
            for name, device in self.devices.items()
            for index, start in device.open
            for metric in self.metrics_of(device, index, start)
            if metric not in device.fired.get((index, start), {})
        }

    def flags_of(self, row, record):
        event_time, values = row[0], row[1]
        flags = 0
        for value in values.values():
            if isinstance(value, float) and not math.isfinite(value):
                flags |= NON_FINITE
            if not fits_a_column(value):
                flags |= OUT_OF_RANGE
        reference = record.timestamp if record.has_append_time else None
        if reference is None:
            reference = self.clock.now
        if event_time < self.options.plausible_from:
            flags |= BEFORE_PLAUSIBLE
        elif reference is not None and event_time > reference + self.options.max_future_skew:
            flags |= FUTURE
        return flags

    def enter(self, device, offset, index, row):
        event_time, values = row[0], row[1]
        dropped_through = max(
            device.watermark - self.options.allowed_lateness, device.forgotten_through
        )
        alive = [
            (which, start)
            for which, window in enumerate(self.source.windows)
            for start in window.starts(event_time)
            if start + window.size > dropped_through
        ]
        if not alive:
            self.counts["too_late"] += 1
            return
        self.counts["accepted"] += 1
        usable = {metric: value for metric, value in values.items() if is_usable(value)}
        bucket = event_time // self.slice
        device.slices.setdefault(bucket, []).append((event_time, offset, index, usable))
        taken = [
            {metric for metric in usable if window.takes(metric)} for window in self.source.windows
        ]
        for which, start in alive:
            metrics = taken[which]
            end = start + self.source.windows[which].size
            if end <= device.watermark:
                device.dirty.setdefault((which, start), set()).update(metrics)
                continue
            if (which, start) not in device.open:
                device.open.add((which, start))
                heapq.heappush(device.open_heap, (end, which, start))
            again = metrics & device.fired.get((which, start), {}).keys()
            if again:
                device.dirty.setdefault((which, start), set()).update(again)

    def advance(self, name, watermark):
        """Moves a device's watermark and fires what became due (R5) or is dirty (R6)."""
        device = self.devices[name]
        if watermark <= device.watermark:
            return
        crosses = device.watermark == -math.inf or (
            watermark // self.slice > device.watermark // self.slice
        )
        device.watermark = watermark
        self.fire_dirty(name, watermark - (0 if crosses else self.options.allowed_lateness))
        if not crosses:
            return
        while device.open_heap and device.open_heap[0][0] <= watermark:
            _, which, start = heapq.heappop(device.open_heap)
            device.open.discard((which, start))
            self.fire_unfired(name, which, start)
        self.forget_dropped(device)

    def look_for_silence(self):
        """R8 and R11. Both queues have the most silent device first."""
        if self.clock.now is None:
            return
        while (name := next(iter(self.awake), None)) is not None:
            if self.clock.now - self.awake[name] < self.options.device_idle:
                break
            self.close(name)
        silence = max(self.options.forget_after, self.options.device_idle)
        while (name := next(iter(self.idle), None)) is not None:
            if self.clock.now - self.idle[name] < silence:
                break
            del self.idle[name]
            self.forget(self.devices[name])

    def close(self, name):
        """Fires everything a device has open or dirty, and moves its watermark to its newest."""
        self.idle[name] = self.awake.pop(name)
        device = self.devices[name]
        if device.newest is None:
            return
        self.advance(name, device.newest)
        self.fire_dirty(name, math.inf)
        for _, which, start in sorted(device.open_heap):
            self.fire_unfired(name, which, start)

    def forget(self, device):
        device.forgotten_through = max(device.newest_fired, device.watermark)
        device.slices, device.open_heap, device.open = {}, [], set()
        device.dirty, device.fired = {}, {}

    def fire_dirty(self, name, limit):
        """Fires the dirty windows that end at or before the limit."""
        dirty = self.devices[name].dirty
        for which, start in sorted(dirty):
            if start + self.source.windows[which].size <= limit:
                self.fire(name, which, start, dirty.pop((which, start)))

    def fire_unfired(self, name, which, start):
        device = self.devices[name]
        fired = device.fired.get((which, start), {})
        self.fire(name, which, start, self.metrics_of(device, which, start) - fired.keys())

    def fire(self, name, which, start, metrics):
        """One firing of the window for each of the metrics."""
        if not metrics:
            return
        device = self.devices[name]
        rows = sorted(self.rows_of(device, which, start), key=lambda row: row[:3])
        fired = device.fired.setdefault((which, start), {})
        device.newest_fired = max(device.newest_fired, start + self.source.windows[which].size)
        for metric in sorted(metrics):
            revision = fired.get(metric, 0)
            fired[metric] = revision + 1
            values = [float(row[3][metric]) for row in rows if metric in row[3]]
            self.firings.append(
                Firing(
                    device=name,
                    attributes=dict(device.attributes),
                    metric=metric,
                    window=self.source.windows[which],
                    start=start,
                    revision=revision,
                    **aggregate(values),
                )
            )

    def rows_of(self, device, which, start):
        end = start + self.source.windows[which].size
        for bucket in range(start // self.slice, end // self.slice):
            yield from device.slices.get(bucket, ())

    def metrics_of(self, device, which, start):
        window = self.source.windows[which]
        metrics = set()
        for row in self.rows_of(device, which, start):
            if row[3].keys() - metrics:
                metrics |= row[3].keys()
        return {metric for metric in metrics if window.takes(metric)}

    def forget_dropped(self, device):
        """Frees rows and counts that no rule can look at again; changes no result."""
        limit = device.watermark - self.options.allowed_lateness - self.largest
        for bucket in [b for b in device.slices if (b + 1) * self.slice <= limit]:
            del device.slices[bucket]
        for which, start in [key for key in device.fired if key[1] <= limit]:
            del device.fired[(which, start)]


def expected(source, records, decisions=(), fires_open_windows=False):
    """Runs the records of one partition; `decisions` are offsets of R9. Returns the partition's
    `PartitionReference` and a list of (record, flags)."""
    reference = PartitionReference(source)
    pending = sorted(decisions)
    flagged = []
    for record in records:
        while pending and pending[0] <= record.offset:
            pending.pop(0)
            reference.finish(fires_open_windows=True)
        flagged.append((record, reference.feed(record)))
    reference.finish(fires_open_windows=fires_open_windows or bool(pending))
    return reference, flagged


def differences(firing, row, tolerance=1e-9):
    """Names of the aggregates in which a row of `windows` (a dict) differs from a firing. Exact
    but for sum, mean and stddev, whose error is measured against the size of the values."""
    wrong = []
    largest = max(abs(firing.min), abs(firing.max))
    for name in firing.window.aggregates:
        if name not in AGGREGATES:
            continue  # quantiles have a bound of their own
        want, got = getattr(firing, name), row.get(name)
        if want is None or got is None:
            equal = want is None and got is None
        elif name in ("sum", "mean", "stddev"):
            scale = largest * (firing.count if name == "sum" else 1)
            equal = abs(want - got) <= tolerance * abs(want) + 1e-12 * scale
        else:
            equal = want == got
        if not equal:
            wrong.append(f"{name}: expected {want!r}, found {got!r}")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] != ["--self-test"]:
        sys.exit("usage: reference.py --self-test (otherwise import it)")
    import reference_self_test

    reference_self_test.self_test()
