"""Self-test of anomaly_reference.py: cases made by hand. And of verify_anomalies.py: a row that is
missing, doubled or different must be found.
"""

import contextlib
import copy
import io
import math

from anomaly_reference import CLOSED, CRITICAL, ESCALATED, OPENED, WARNING
from anomaly_reference import AnomalyReference, Detector
from pipeline_options import MICROS, EventTime, Source
from reference import Record
from verify_anomalies import compare, life_faults
from verify_tables import Verdict

START = 1_600_000_020 * MICROS  # a multiple of one minute


def reference_of(*detectors):
    config = {"detectors": [{"name": f"d{i}", **one} for i, one in enumerate(detectors)]}
    source = Source("s", ["t"], ["region"], False, [], EventTime())
    return AnomalyReference(source, Detector.all_of(config, "s"))


class Feeder:
    """Feeds records whose Kafka time is given in seconds after START."""

    def __init__(self, *detectors):
        self.reference = reference_of(*detectors)
        self.offset = 0

    def send(self, seconds, device="a", *rows, **more):
        """A row is (seconds, {metric: value})."""
        made = [(START + round(at * MICROS), values) for at, values in rows]
        record = Record(self.offset, START + round(seconds * MICROS), device, made, **more)
        self.offset += 1
        self.reference.feed(record)

    def values(self, *values, metric="m"):
        """One reading a second of device `a`."""
        for value in values:
            self.send(self.offset, "a", (self.offset, {metric: value}))

    def told(self):
        return [
            (step.offset, step.state, step.severity)
            for step in sorted(self.reference.steps, key=lambda step: step.offset)
        ]


def limits(**rule):
    return {"metric": "m", "limits": rule}


def silence(after, **more):
    return {"silence": {"after": after}, **more}


def test_one_reading_opens_and_one_closes():
    feeder = Feeder(limits(warning={"above": 10}))
    feeder.values(10, 11, 12, 10, 9)
    assert feeder.told() == [(1, OPENED, WARNING), (3, CLOSED, WARNING)]
    opened, closed = feeder.reference.steps
    assert (opened.value, opened.threshold, opened.score) == (11, 10, 1)
    assert (closed.value, closed.score, closed.evidence["worst"]) == (10, 0, 12)
    assert closed.evidence["violations"] == 2 and closed.event_time == START + 3 * MICROS


def test_so_many_readings_in_a_row():
    feeder = Feeder(limits(warning={"outside": [0, 10]}, readings=3, clear_margin=2))
    #              0  1   2  3   4   5  6  7  8  9  10 11
    feeder.values(11, 11, 5, 11, -1, 11, 9, 8, 8, 9, 8, 8)
    assert feeder.told() == [(5, OPENED, WARNING)], "9 lies inside the margin"
    feeder.values(2)
    assert feeder.told()[1:] == [(12, CLOSED, WARNING)]


def test_the_duration_counts_from_the_earliest():
    feeder = Feeder(limits(warning={"above": 10}, **{"for": "10s"}))
    for at, value in [(0, 11), (9, 11), (-1, 11), (8, 11), (9, 11)]:
        feeder.send(20, "a", (at, {"m": value}))
    assert feeder.told() == [(4, OPENED, WARNING)], "9 s - -1 s are 10 s"
    for at in [9, 18, 19]:
        feeder.send(20, "a", (at, {"m": 10}))
    assert feeder.told()[1:] == [(7, CLOSED, WARNING)]


def test_critical_readings_last_by_themselves():
    feeder = Feeder(limits(warning={"above": 10}, critical={"above": 20}, readings=2))
    feeder.values(11, 21, 11, 21, 21, 11, 5, 5)
    assert feeder.told() == [(1, OPENED, WARNING), (4, ESCALATED, CRITICAL), (7, CLOSED, CRITICAL)]
    assert [step.threshold for step in feeder.reference.steps] == [10, 20, 20]
    feeder = Feeder(limits(critical={"below": 0}))
    feeder.values(1, -1, 0)
    assert feeder.told() == [(1, OPENED, CRITICAL), (2, CLOSED, CRITICAL)]


def test_readings_that_are_none():
    feeder = Feeder(limits(warning={"above": 10}, readings=2))
    feeder.send(0, "a", (0, {"m": 11}), (-2e9, {"m": 5}), (1, {"m": math.nan}), (9_999, {"m": 5}))
    feeder.send(0, "a", (0, {"other": 5}))
    feeder.send(0, None, is_dead=True)
    feeder.send(0, "b", (0, {"m": 5}))
    feeder.send(0, "a", (0, {"m": 11}))
    assert feeder.told() == [(4, OPENED, WARNING)]


def test_the_cap():
    feeder = Feeder({"metric": "*", "limits": {"warning": {"above": 0}}, "open_max": 10})
    feeder.send(0, "a", (0, {f"m{i}": 1 for i in range(13)}))
    for _ in range(3):
        feeder.send(0, "a", (0, {"m12": 1}))
    names = [(step.metric, step.state) for step in feeder.reference.steps]
    assert names == [(f"m{i}", OPENED) for i in range(10)] + [(None, OPENED)]
    assert feeder.reference.refused == 3, "one each, however often they are read"
    feeder.send(0, "a", (0, {"m0": 0, "m12": 1, "m1": 0}))
    found = [(s.metric, s.state) for s in feeder.reference.steps if s.offset == 4]
    assert sorted(found, key=str) == [("m0", CLOSED), ("m1", CLOSED), ("m12", OPENED)]
    feeder.send(0, "a", (0, {"m2": 0}))
    cap = next(a for a in feeder.reference.anomalies if a.steps[0].metric is None)
    assert cap.is_open is False and cap.steps[1].offset == 5, "eight of ten are open"
    assert cap.steps[1].evidence["refused"] == 3 and cap.steps[1].value == 8


def test_who_is_refused_still_is_counted_by_the_next_cap():
    feeder = Feeder({"metric": "*", "limits": {"warning": {"above": 0}}, "open_max": 1})
    for values in [{"a": 1, "b": 1, "c": 1}, {"c": 1}, {"a": 0, "b": 1}, {"c": 1}, {"c": 1}]:
        feeder.send(0, "a", (0, values))
    caps = [one for one in feeder.reference.anomalies if one.steps[0].metric is None]
    assert [[step.offset for step in cap.steps] for cap in caps] == [[0, 2], [3]]
    assert caps[0].steps[1].evidence["refused"] == 2 and feeder.reference.refused == 3


def test_silence_and_the_record_that_ends_it():
    feeder = Feeder(silence("30s"))
    feeder.send(0, "a", (-5, {"m": 1}), attributes={"region": "eu"})
    feeder.send(29, "b", (29, {"m": 1}))
    feeder.send(30, None, is_dead=True)
    feeder.send(75, "a", (70, {"m": 1}), attributes={"region": "us"})
    a, b = (anomaly.steps for anomaly in feeder.reference.anomalies)
    assert [step.device for step in a + b] == ["a", "a", "b"]
    assert [step.value for step in a + b] == [30, 75, 46]
    assert [step.event_time - START for step in a] == [-5 * MICROS, 70 * MICROS]
    assert [step.attributes["region"] for step in a] == ["eu", "us"]


def test_a_device_may_reveal_its_own_silence():
    feeder = Feeder(silence("30s"))
    feeder.send(0)
    feeder.send(31)
    assert feeder.told() == [(1, OPENED, WARNING), (1, CLOSED, WARNING)]
    assert feeder.reference.steps[0].event_time == START + 31 * MICROS, "it has no event time"


def test_many_devices_share_a_summary():
    feeder = Feeder(silence("30s"))
    for index in range(100):
        feeder.send(index / 100, f"d{index}", (0, {"m": 1}))
    feeder.send(59, "z")
    steps = feeder.reference.steps
    assert len(steps) == 20 and {step.device for step in steps} == {f"d{i}" for i in range(20)}
    feeder.send(60, "z")
    assert len(steps := feeder.reference.steps) == 21
    assert (steps[-1].device, steps[-1].value) == (None, 80)
    assert steps[-1].event_time == START + round(30.2 * MICROS), "the first that was due"
    for index in range(99):
        feeder.send(61, f"d{index}")
    assert len(feeder.reference.steps) == 41, "one of the summary is missing"
    feeder.send(62, "d99")
    assert len(steps := feeder.reference.steps) == 42
    last = max(steps, key=lambda step: step.offset)
    assert (last.state, last.event_time, last.value) == (CLOSED, START + 62 * MICROS, 80)


def test_a_summary_may_be_over_before_it_opens():
    feeder = Feeder(silence("30s"))
    for index in range(21):
        feeder.send(0, f"d{index}")
    feeder.send(31, "z")
    feeder.send(32, "d20")
    assert len(feeder.reference.steps) == 20
    feeder.send(61, "z")
    summary = [step for step in feeder.reference.steps if step.device is None]
    assert [(step.state, step.value) for step in summary] == [(OPENED, 1), (CLOSED, 1)]


def test_refused_silences_are_never_opened():
    feeder = Feeder(silence("30s", open_max=1))
    for index in range(22):
        feeder.send(0, f"d{index}")
    feeder.send(60, "z")
    assert len(feeder.reference.steps) == 2 and feeder.reference.refused == 19 + 2
    for index in range(1, 22):
        feeder.send(61, f"d{index}")
    assert len(feeder.reference.steps) == 2
    feeder.send(62, "d0")
    assert sum(step.state == CLOSED for step in feeder.reference.steps) == 2


def test_a_clock_that_begins_anew():
    feeder = Feeder(silence("30s"))
    feeder.send(86_400, "ahead")
    for index in range(5):
        feeder.send(index, f"d{index}")
    feeder.send(29, "d0")
    assert feeder.told() == [], "all are as old as the clock"
    feeder.send(30, "d0")
    assert [step.device for step in feeder.reference.steps] == ["ahead"]


def changed_lives(lives):
    """{what was done: lives in which one thing is wrong}; the first escalates and closes."""
    first, second = list(lives)[:2]
    changes = {
        "a life is missing": lambda all: all.pop(first),
        "a life is there twice": lambda all: all.update({("s", "t", 0, "x"): all[first]}),
        "a step is missing": lambda all: all[first].pop(1),
        "a step is there twice": lambda all: all[first].append(all[first][2]),
        "two lives under one id": lambda all: all[first].extend(all.pop(second)),
        "another partition": lambda all: all.update({("s", "t", 1, first[3]): all.pop(first)}),
        "another attribute": lambda all: all[first][1].attributes.update(region="us"),
        "other evidence": lambda all: all[first][2].evidence.update(worst=21.5),
    }
    for name, value in [
        ("device", "b"), ("metric", "n"), ("severity", CRITICAL), ("event_time", START - 1),
        ("offset", 999), ("value", 11.5), ("expected", None), ("score", 0.5), ("threshold", 9.0),
        ("state", CLOSED),
    ]:  # fmt: skip
        changes[f"another {name}"] = lambda all, name=name, value=value: setattr(
            all[first][0], name, value
        )
    for what, change in changes.items():
        wrong = copy.deepcopy(lives)
        change(wrong)
        yield what, wrong


def fault_count(feeder, lives):
    verdict = Verdict()
    with contextlib.redirect_stdout(io.StringIO()):
        verdict.faults(life_faults(lives))
        compare(verdict, {("s", "t", 0): feeder.reference}, lives, {"d0"})
    return verdict.fault_count


def test_the_comparison_can_fail():
    feeder = Feeder(limits(warning={"above": 10}, critical={"above": 20}))
    feeder.values(11, 21, 5, 12, 13)
    lives = {
        ("s", "t", 0, f"id-{index}"): anomaly.steps
        for index, anomaly in enumerate(feeder.reference.anomalies)
    }
    assert [len(steps) for steps in lives.values()] == [3, 1]
    assert fault_count(feeder, lives) == 0
    for what, wrong in changed_lives(lives):
        assert fault_count(feeder, wrong) > 0, what


def self_test():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    for test in tests:
        test()
    print(f"anomaly_reference.py: self-test passed: {len(tests)} tests")
