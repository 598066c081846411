"""Self-test of reference.py: cases made by hand, and a second formulation over random input."""

import math
import random

from pipeline_options import (
    AGGREGATES,
    MICROS,
    EventTime,
    Source,
    Window,
    duration_micros,
    time_micros,
)
from reference import (
    BEFORE_PLAUSIBLE,
    FUTURE,
    NON_FINITE,
    PartitionClock,
    Record,
    differences,
    expected,
)

START = 1_600_000_020 * MICROS  # a multiple of one minute


def make_source(windows, **event_time):
    options = EventTime(**{name: duration_micros(value) for name, value in event_time.items()})
    return Source("s", ["t"], [], False, windows, options)


def minute(name, size, slide):
    return Window(name, size * 60 * MICROS, slide * 60 * MICROS)


def records_of(*events, device="a"):
    """(seconds after START, value) as one record each, its Kafka time equal to its event time."""
    return [
        Record(offset, START + round(s * MICROS), device, [(START + round(s * MICROS), {"m": v})])
        for offset, (s, v) in enumerate(events)
    ]


def fired(reference):
    return [
        ((f.start - START) // MICROS, f.window.name, f.revision, f.count, f.sum)
        for f in reference.firings
    ]


def test_fires_once_when_the_watermark_passes():
    source = make_source([minute("1m", 1, 1)], out_of_orderness="5s")
    reference, _ = expected(source, records_of((0, 1.0), (30, 2.0), (64, 4.0)))
    assert fired(reference) == [], "64 s - 5 s has not passed the end at 60 s"
    reference, _ = expected(source, records_of((0, 1.0), (30, 2.0), (65, 4.0), (66, 8.0)))
    assert fired(reference) == [(0, "1m", 0, 2, 3.0)]
    assert reference.open_windows() == {("a", "m", "1m", START + 60 * MICROS)}


def test_late_and_too_late():
    source = make_source([minute("1m", 1, 1)], out_of_orderness="0s", allowed_lateness="60s")
    rows = records_of((0, 1.0), (61, 2.0), (10, 4.0), (62, 8.0), (119, 1.0), (120, 1.0), (20, 9.0))
    reference, _ = expected(source, rows)
    # The late 4.0 waits for the next edge (120 s); 20 s is then behind end + lateness.
    assert fired(reference) == [
        (0, "1m", 0, 1, 1.0), (0, "1m", 1, 2, 5.0), (60, "1m", 0, 3, 11.0)
    ], fired(reference)
    assert reference.counts["too_late"] == 1


def test_a_series_that_never_fired_starts_at_revision_zero():
    source = make_source([minute("1m", 1, 1)], out_of_orderness="0s")
    rows = records_of((0, 1.0), (61, 2.0))
    rows.append(Record(2, START + 61 * MICROS, "a", [(START + 5 * MICROS, {"n": 7.0})]))
    rows.append(Record(3, START + 121 * MICROS, "a", [(START + 121 * MICROS, {"m": 1.0})]))
    reference, _ = expected(source, rows)
    late = [f for f in reference.firings if f.metric == "n"]
    assert [(f.revision, f.count, f.first) for f in late] == [(0, 1, 7.0)]
    assert [f.revision for f in reference.firings if f.metric == "m"] == [0, 0]


def test_rows_of_a_record_enter_before_the_clock_moves():
    source = make_source([minute("1m", 1, 1)], out_of_orderness="0s", allowed_lateness="0s")
    times = [200, 10, 70]
    rows = [(START + s * MICROS, {"m": float(s)}) for s in times]
    reference, _ = expected(source, [Record(0, START + 200 * MICROS, "a", rows)])
    assert fired(reference) == [(0, "1m", 0, 1, 10.0), (60, "1m", 0, 1, 70.0)]


def test_flags_keep_rows_out():
    source = make_source([minute("1m", 1, 1)], out_of_orderness="0s", max_future_skew="5m")
    rows = [
        (START, {"m": 1.0, "n": math.nan}),
        (START + 301 * MICROS, {"m": 2.0}),
        (5, {"m": 3.0}),
    ]
    reference, flagged = expected(source, [Record(0, START, "a", rows)])
    assert flagged[0][1] == [NON_FINITE, FUTURE, BEFORE_PLAUSIBLE]
    reference.finish(fires_open_windows=True)
    assert fired(reference) == [(0, "1m", 0, 1, 1.0)]


def test_the_clock_believes_a_jump_that_is_confirmed():
    for why, stamps in {
        "two devices, the smaller stamp": [(1000, "a", 1000), (9000, "a", 1000), (8000, "b", 8000)],
        "three records": [(1000, "a", 1000), (9000, "a", 1000), (9001, "a", 1000), (9, "a", 1000)],
        "three in a row": [(1, "a", 1), (900, "a", 1), (901, "a", 1), (902, "a", 900)],
        "no device": [(1, "a", 1), (900, None, 1), (901, None, 1), (902, None, 1), (903, "a", 1)],
        "never back": [(1000, "a", 1000), (1300, "a", 1300), (2, "a", 1300)],
        "a first stamp alone": [(9000, "a", 9000), (1000, "b", 1000), (1300, "a", 1300)],
        "a first stamp confirmed": [(9000, "a", 9000), (8900, "b", 9000), (1000, "c", 9000)],
    }.items():
        clock = PartitionClock(300)
        for timestamp, device, want in stamps:
            clock.observe(timestamp, device)
            assert clock.now == want, f"{why}: {timestamp} by {device} gives {clock.now}"
    clock = PartitionClock(300)
    clock.observe(1, "a")
    clock.observe(9000, "a", has_append_time=True)
    assert clock.now == 9000, "the broker's stamp needs no witness"


def test_idle_devices_fire_what_is_open():
    source = make_source(
        [minute("1m", 1, 1)], out_of_orderness="5s", device_idle="60s", max_future_skew="5m"
    )
    rows = records_of((0, 1.0), (30, 2.0))
    for offset, second in [(2, 80), (3, 90)]:
        at = START + second * MICROS
        rows.append(Record(offset, at, "b", [(at, {"m": 5.0})]))
    reference, _ = expected(source, rows)
    assert fired(reference) == [(0, "1m", 0, 2, 3.0)]
    assert reference.devices["a"].watermark == START + 30 * MICROS
    reference.feed(Record(4, START + 91 * MICROS, "a", [(START + 40 * MICROS, {"m": 4.0})]))
    reference.feed(Record(5, START + 92 * MICROS, "a", [(START + 70 * MICROS, {"m": 8.0})]))
    assert fired(reference)[1:] == [(0, "1m", 1, 3, 7.0)], "fired early: a change is a revision"


def test_a_change_to_a_window_fired_early_waits_for_its_end():
    source = make_source([minute("5m", 5, 1)], out_of_orderness="0s", device_idle="60s")
    rows = records_of((0, 1.0))
    for offset, second in [(1, 60), (2, 61)]:
        at = START + second * MICROS
        rows.append(Record(offset, at, "b", [(at, {"m": 5.0})]))
    for offset, second in [(3, 62), (4, 121), (5, 181)]:
        at = START + second * MICROS
        rows.append(Record(offset, at, "a", [(at, {"m": 2.0})]))
    reference, _ = expected(source, rows)
    ends = [(f.end - START) // (60 * MICROS) for f in reference.firings if f.revision]
    assert ends == [2, 3], "of the five windows fired at idle two have ended since"


def test_a_forgotten_device_starts_after_what_fired():
    source = make_source(
        [minute("1m", 1, 1)], out_of_orderness="0s", device_idle="60s", forget_after="10m",
        allowed_lateness="1h",
    )  # fmt: skip
    rows = records_of((0, 1.0))
    for offset, second in [(1, 100), (2, 300), (3, 600)]:
        at = START + second * MICROS
        rows.append(Record(offset, at, "b", [(at, {"m": 5.0})]))
    for offset, second in [(4, 30), (5, 61)]:
        row = (START + second * MICROS, {"m": 2.0})
        rows.append(Record(offset, rows[-1].timestamp, "a", [row]))
    reference, _ = expected(source, rows)
    assert reference.counts["too_late"] == 1, "30 s lies in the window that fired at idle"
    assert [f.revision for f in reference.firings] == [0] * len(reference.firings)


def test_a_change_fires_when_its_window_is_dropped_between_two_edges():
    source = make_source([minute("1m", 1, 1)], out_of_orderness="0s", allowed_lateness="30s")
    rows = records_of((0, 1.0), (70, 2.0), (10, 4.0), (89, 1.0), (90, 1.0))
    reference, _ = expected(source, rows[:-1])
    assert fired(reference) == [(0, "1m", 0, 1, 1.0)], "89 s is neither an edge nor the end"
    reference, _ = expected(source, rows)
    assert fired(reference)[1:] == [(0, "1m", 1, 2, 5.0)], fired(reference)


def test_no_row_enters_a_dropped_window():
    source = make_source(
        [minute("1m", 1, 1), minute("2m", 2, 1)], out_of_orderness="0s", allowed_lateness="30s"
    )
    # At 95 s the first minute is dropped and fires the change of 10 s; 20 s enters two minutes.
    rows = records_of((0, 1.0), (70, 2.0), (10, 4.0), (95, 8.0), (20, 16.0), (121, 32.0))
    reference, _ = expected(source, rows)
    assert reference.counts["too_late"] == 0
    assert [row for row in fired(reference) if row[:2] == (0, "1m")] == [
        (0, "1m", 0, 1, 1.0), (0, "1m", 1, 2, 5.0)
    ], fired(reference)
    assert (0, "2m", 0, 5, 31.0) in fired(reference), fired(reference)


def test_decisions_fire_at_their_offset():
    source = make_source([minute("1m", 1, 1)], out_of_orderness="5s")
    rows = records_of((0, 1.0), (70, 2.0), (80, 4.0))
    reference, _ = expected(source, rows, decisions=[2])
    assert fired(reference) == [(0, "1m", 0, 1, 1.0), (60, "1m", 0, 1, 2.0)]


def test_first_and_last_break_ties_by_offset_then_row():
    source = make_source([minute("1m", 1, 1)], out_of_orderness="0s")
    at = START + MICROS
    rows = [
        Record(7, at, "a", [(at, {"m": 3.0}), (at, {"m": 1.0})]),
        Record(8, at, "a", [(at, {"m": 2.0})]),
    ]
    reference, _ = expected(source, rows, fires_open_windows=True)
    (only,) = reference.firings
    assert (only.first, only.last, only.min, only.max) == (3.0, 2.0, 1.0, 3.0)
    assert math.isclose(only.stddev, 1.0)


def quadratic(source, records):
    """R3-R7 once more without slices, heaps or forgetting: all windows, all rows, every record.
    Returns {(metric, window, start, revision): (count, sum)} for one device."""
    options, out, fired_before = source.event_time, {}, {}
    entered, watermark, newest, dirty, touched = {}, -math.inf, None, set(), set()
    lowest = min(row[0] for record in records for row in record.rows)
    highest = max(row[0] for record in records for row in record.rows)
    windows = [
        (window, start)
        for window in source.windows
        for start in range(
            (lowest - window.size) // window.slide * window.slide, highest + 1, window.slide
        )
    ]
    for record in records:
        for time, values in record.rows:
            alive = [
                (window.name, start)
                for window, start in windows
                if start <= time < start + window.size
                and start + window.size + options.allowed_lateness > watermark
            ]
            for key in alive:
                entered.setdefault(key, []).append(values)
            for window, start in windows:
                keys = {(metric, window.name, start) for metric in values}
                if (window.name, start) in alive:
                    touched |= keys
                if (window.name, start) in alive and start + window.size <= watermark:
                    dirty |= keys
            newest = time if newest is None else max(newest, time)
        moved = max(watermark, newest - options.out_of_orderness)
        step = math.gcd(*(edge for w in source.windows for edge in (w.size, w.slide)))
        crossed = watermark == -math.inf or moved // step > watermark // step
        watermark = moved
        for window, start in windows:
            inside_window = entered.get((window.name, start), [])
            is_dropped = start + window.size + options.allowed_lateness <= watermark
            for metric in {m for values in inside_window for m in values}:
                key = (metric, window.name, start)
                inside = [values[metric] for values in inside_window if metric in values]
                is_due = (
                    start + window.size <= watermark
                    and key in touched
                    and key not in fired_before
                )
                is_again = (crossed or is_dropped) and key in dirty
                if (is_due and key not in dirty) or is_again:
                    dirty.discard(key)
                    revision = fired_before.get(key, 0)
                    fired_before[key] = revision + 1
                    out[key + (revision,)] = (len(inside), math.fsum(inside))
    return out


def test_against_the_quadratic_formulation(seed):
    generator = random.Random(seed)
    shapes = [[(3, 1)], [(2, 2), (3, 1)], [(4, 2), (6, 6)], [(5, 1), (10, 5)]]
    windows = [
        Window(f"w{i}", size * 10 * MICROS, slide * 10 * MICROS)
        for i, (size, slide) in enumerate(generator.choice(shapes))
    ]
    source = make_source(
        windows,
        out_of_orderness=generator.choice([0, 7 * MICROS, 25 * MICROS]),
        allowed_lateness=generator.choice([0, 15 * MICROS, 60 * MICROS]),
        device_idle="1d",
        max_future_skew="1d",
    )
    records, at = [], START
    for offset in range(40):
        at += generator.randrange(0, 8 * MICROS)
        rows = [
            (
                at - generator.randrange(0, 60 * MICROS) * generator.randrange(0, 2),
                {m: float(generator.randrange(9)) for m in generator.choice(["m", "mn"])},
            )
            for _ in range(generator.randrange(1, 4))
        ]
        records.append(Record(offset, at, "a", rows))
    reference, _ = expected(source, records)
    got = {
        (f.metric, f.window.name, f.start, f.revision): (f.count, f.sum)
        for f in reference.firings
    }
    assert len(got) == len(reference.firings), f"seed {seed}: a window fired twice as one revision"
    want = quadratic(source, records)
    assert got == want, f"seed {seed}: {sorted(set(got.items()) ^ set(want.items()))[:3]}"
    return sum(1 for key in want if key[3] > 0)


def test_durations_and_times():
    assert duration_micros("1h30m") == 5_400 * MICROS and duration_micros("250ms") == 250_000
    assert time_micros("2000-01-01") == EventTime().plausible_from
    for wrong in ["5", "m5", "5m?", ""]:
        try:
            duration_micros(wrong)
        except ValueError:
            continue
        raise AssertionError(f"{wrong!r} was taken for a duration")


def test_differences_are_found():
    reference, _ = expected(
        make_source([minute("1m", 1, 1)]), records_of((0, 1.0), (1, 4.0)), fires_open_windows=True
    )
    (firing,) = reference.firings
    row = {name: getattr(firing, name) for name in AGGREGATES}
    assert differences(firing, row) == []
    assert differences(firing, {**row, "sum": row["sum"] * (1 + 1e-12)}) == []
    for name in AGGREGATES:
        assert differences(firing, {**row, name: row[name] + 1e-6}), name
        assert differences(firing, {**row, name: None}), name


def self_test():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    seeds = range(60)
    late = 0
    for test in tests:
        if test is test_against_the_quadratic_formulation:
            late = sum(test(seed) for seed in seeds)
            assert late > 100, "the random cases hardly ever fire late: they prove too little"
        else:
            test()
    print(f"reference.py: self-test passed: {len(tests)} tests, {len(seeds)} seeds, {late} late")
