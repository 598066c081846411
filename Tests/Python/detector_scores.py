"""What the statistical detectors find in labelled data, and what they find where nothing is.

    detector_scores.py --replay DetectorReplay --data FOLDER [--set nab --set wind --set pv --set made]
        [--false-alarm-every SECONDS]
    detector_scores.py --self-test

FOLDER holds `nab`, `la-haute-borne` and `pv-inverter`; `made` needs none. Prints Markdown tables: the figures of
docs/DETECTORS.md. Every series goes through the engine of downlinkd (Benchmarks/DetectorReplay)
with `every` = its own period and the defaults for that, unless told otherwise. A detection is an
opening; its time is that of the bucket.

The files of NAB in the order of their names: the defaults were chosen on the 1st, 3rd, 5th …, the
others are held out.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

import detector_data
import detector_faults
import detector_made
import nab_score
from detector_data import DAY, Series

KINDS = ["spike", "jump", "shift"]
REFRACTORY_ROWS = 60


# ---- running -----------------------------------------------------------------------------------


def replay(program, series_list, options=()):
    """All steps of all series, each with its series' name. One run for each period."""
    by_period = defaultdict(list)
    for series in series_list:
        by_period[series.every].append(series)
    steps = []
    for every, group in sorted(by_period.items()):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            for series in group:
                # The comma is the separator.
                name = series.name.replace(",", ";")
                file.writelines(
                    f"{name},{time},{value!r}\n"
                    for time, value in zip(series.times, series.values)
                )
            file.flush()
            command = [program, "--input", file.name, "--every", str(every / 1e6), *options]
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        steps += [json.loads(line) for line in run.stdout.splitlines()]
    return steps


def openings(steps):
    """(detector, series) → times of openings."""
    found = defaultdict(list)
    for step in steps:
        if step["state"] == "opened":
            found[step["detector"], step["series"]].append(step["time_micros"])
    return found


# ---- baselines ---------------------------------------------------------------------------------


def edges(scores, threshold, refractory=REFRACTORY_ROWS):
    """Rows at which a score comes over the threshold, at most one in `refractory` rows."""
    found = []
    was_over = False
    for row, score in enumerate(scores):
        is_over = score >= threshold
        if is_over and not was_over and (not found or row - found[-1] > refractory):
            found.append(row)
        was_over = is_over
    return found


def static_scores(values):
    """Distance from the mean of the probation, in its standard deviations."""
    known = values[: max(nab_score.probation(len(values)), 2)]
    mean = math.fsum(known) / len(known)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / len(known))
    return [abs(value - mean) / spread if spread > 0 else 0.0 for value in values]


def ewma_scores(values, half_life=1000):
    """Distance from a fading mean, in fading standard deviations."""
    alpha = 1 - 0.5 ** (1 / half_life)
    mean, square, scores = values[0], 0.0, []
    for count, value in enumerate(values):
        difference = value - mean
        scores.append(abs(difference) / math.sqrt(square) if square > 0 else 0.0)
        share = max(alpha, 1 / (count + 1))
        mean += share * difference
        square = (1 - share) * (square + share * difference * difference)
    return scores


def fitted_threshold(series_list, scores):
    """The threshold with the best standard score on these series, of a grid from 2 to 20."""
    return max(
        (step / 4 for step in range(8, 81)),
        key=lambda threshold: total(
            series_list, lambda series: edges(scores[series.name], threshold)
        ).score("standard"),
    )


# ---- NAB ---------------------------------------------------------------------------------------


def total(series_list, detections):
    """The tally over series; `detections(series)` are rows."""
    tally = nab_score.Tally()
    for series in series_list:
        tally.add(nab_score.tally(len(series.times), series.windows, detections(series)))
    return tally


def scored_days(series_list):
    return sum(
        series.days * (1 - nab_score.probation(len(series.times)) / len(series.times))
        for series in series_list
    )


def nab_row(name, series_list, detections):
    tally = total(series_list, detections)
    marks = [tally.score(profile) for profile in nab_score.PROFILES]
    rows = [row - first for first, row in tally.delays]
    return [
        name, *(f"{mark:.1f}" for mark in marks), f"{tally.found} of {tally.windows}",
        tally.false, f"{tally.false / scored_days(series_list):.3f}",
        f"{median(tally.positions):.2f}" if rows else "–",
        f"{median(rows):.0f}" if rows else "–",
    ]


def score_nab(program, folder, options):
    series_list = detector_data.nab(folder)
    found = openings(replay(program, series_list, options))
    rows_of = {}
    for series in series_list:
        buckets = series.rows_by_bucket()
        for kind in KINDS:
            rows_of[kind, series.name] = [buckets[time] for time in found[kind, series.name]]

    static = {series.name: static_scores(series.values) for series in series_list}
    ewma = {series.name: ewma_scores(series.values) for series in series_list}
    threshold = fitted_threshold(series_list[0::2], ewma)
    detectors = {
        kind: lambda series, kind=kind: rows_of[kind, series.name] for kind in KINDS
    }
    detectors["all three"] = lambda series: [
        row for kind in KINDS for row in rows_of[kind, series.name]
    ]
    detectors["static 3 σ"] = lambda series: edges(static[series.name], 3)
    detectors[f"EWMA z ≥ {threshold:g}"] = lambda series: edges(ewma[series.name], threshold)
    header = [
        "detector", "standard", "low FP", "low FN", "windows found", "false alarms",
        "a series-day", "position in window", "delay, rows",
    ]
    halves = [
        ("chosen on", series_list[0::2]), ("held out", series_list[1::2]), ("all", series_list),
    ]
    for half, members in halves:
        print_table(
            f"NAB, {len(members)} files: {half}", header,
            [nab_row(name, members, chosen) for name, chosen in detectors.items()],
        )


# ---- wind farm ---------------------------------------------------------------------------------


def score_wind(program, folder, options):
    series_list = detector_data.wind(folder)
    steps = replay(program, series_list, options)
    found = openings(steps)
    days = defaultdict(float)
    count = defaultdict(int)
    for series in series_list:
        metric = series.name.split("/")[1]
        days[metric] += series.days
        for kind in KINDS:
            count[kind, metric] += len(found[kind, series.name])
    metrics = sorted(days)
    rows = []
    for kind in KINDS:
        every = sum(count[kind, metric] for metric in metrics)
        rows.append(
            [kind, *(f"{30 * count[kind, metric] / days[metric]:.2f}" for metric in metrics),
             f"{30 * every / sum(days.values()):.2f}", every]
        )
    print_table(
        f"Wind farm, {len(series_list)} series, {sum(days.values()):.0f} series-days: alarms in 30"
        " series-days", ["detector", *metrics, "all", "alarms"], rows,
    )
    loudest = sorted(
        (step for step in steps if step["state"] == "opened"), key=lambda step: -step["score"]
    )
    print_table(
        "The loudest", ["series", "detector", "time", "value", "expected", "score"],
        [[step["series"], step["detector"], utc(step["time_micros"]), f"{step['value']:.2f}",
          f"{step['expected']:.2f}", f"{step['score']:.1f}"] for step in loudest[:12]],
    )
    score_faults(program, series_list, found, options)


def utc(time):
    return detector_data.datetime.fromtimestamp(
        time / 1e6, detector_data.timezone.utc).strftime("%Y-%m-%d %H:%M")


def score_faults(program, series_list, clean, options):
    made = detector_faults.trials(series_list)
    found = openings(replay(program, [trial.faulty for trial in made], options))
    rows = []
    for fault in detector_faults.FAULTS:
        members = [trial for trial in made if trial.fault == fault.name]
        row = [fault.name]
        any_delays, any_chance = [], 0
        per_trial = [[] for _ in members]
        chances = [False] * len(members)
        for kind in KINDS:
            hits = 0
            for number, trial in enumerate(members):
                delay = detector_faults.delay(
                    found[kind, trial.faulty.name], trial.begin, trial.span)
                if delay is not None:
                    hits += 1
                    per_trial[number].append(delay)
                chance = detector_faults.delay(
                    clean[kind, trial.source], trial.begin, trial.span)
                chances[number] = chances[number] or chance is not None
            row.append(f"{100 * hits / len(members):.0f} %")
        any_delays = [min(delays) for delays in per_trial if delays]
        any_chance = sum(chances)
        row.append(f"{100 * len(any_delays) / len(members):.0f} %")
        row.append(f"{100 * any_chance / len(members):.0f} %")
        row.append(
            f"{median(any_delays) / 3600e6:.1f} h" if any_delays else "–")
        rows.append(row)
    print_table(
        f"Faults put into the wind farm, {detector_faults.TRIALS} of each: found",
        ["fault", *KINDS, "any", "same places without it", "median delay"], rows,
    )


# ---- inverters ---------------------------------------------------------------------------------


def hits(series, times, slack=1):
    """Of the labelled windows how many hold an opening, and the openings outside all of them."""
    buckets = series.rows_by_bucket()
    rows = [buckets[time] for time in times]
    near = [(first - slack, last + slack) for first, last in series.windows]
    found = sum(any(first <= row <= last for row in rows) for first, last in near)
    outside = sum(not any(first <= row <= last for first, last in near) for row in rows)
    return found, outside


def score_pv(program, folder, options):
    labelled, unlabelled = detector_data.pv(folder)
    day = ["--warm-up", "86400"]
    for title, extra in (("defaults", []), ("warm-up of a day", day)):
        # Daily rows have nothing to learn from in a day.
        members = [
            series for series in labelled.values() if not extra or series.every < DAY]
        found = openings(replay(program, members, [*options, *extra]))
        rows = []
        for series in members:
            row = [series.name, len(series.windows), f"{series.days:.0f}"]
            for kind in KINDS:
                inside, outside = hits(series, found[kind, series.name])
                row.append(f"{inside}, {outside}")
            rows.append(row)
        print_table(
            f"Inverters with labels, {title}: windows found, other openings",
            ["file", "windows", "days", *KINDS], rows,
        )
    found = openings(replay(program, unlabelled, options))
    days = defaultdict(float)
    for series in unlabelled:
        days[series.name.split("/")[0]] += series.days
    print_table(
        "Inverters and weather without labels: openings", ["file", "series-days", *KINDS],
        [[name, f"{spanned:.0f}",
          *(sum(len(times) for (detector, series), times in found.items()
                if detector == kind and series.split("/")[0] == name) for kind in KINDS)]
         for name, spanned in days.items()],
    )


# ---- made ---------------------------------------------------------------------------------------


def score_made(program, options):
    members = detector_made.quiet()
    found = openings(replay(program, members, options))
    rows = []
    for kind in detector_made.KINDS:
        mine = [series for series in members if series.name.startswith(kind + "#")]
        days = sum(series.days for series in mine)
        counts = [
            sum(len(found[detector, series.name.replace(",", ";")]) for series in mine)
            for detector in KINDS
        ]
        rows.append([kind, f"{days:.0f}", *(f"{30 * count / days:.2f}" for count in counts)])
    print_table("Made series: openings in 30 series-days", ["kind", "days", *KINDS], rows)

    made = detector_made.changed()
    found = openings(replay(program, [series for _, series in made], options))
    rows = []
    begin = detector_made.times(1)[0] + detector_made.LEAD
    for change, (_, length) in detector_made.CHANGES.items():
        mine = [series for name, series in made if name == change]
        row = [change]
        for detector in KINDS:
            span = (length + 10) * detector_data.MINUTE
            delays = [
                detector_faults.delay(found[detector, series.name], begin, span) for series in mine]
            seen = [delay / 60e6 for delay in delays if delay is not None]
            after = f", {median(seen):.0f} min" if seen else ""
            row.append(f"{100 * len(seen) / len(mine):.0f} %{after}")
        rows.append(row)
    print_table(
        "Normal noise with a change: found, and the median delay", ["change", *KINDS], rows)


# ---- output ------------------------------------------------------------------------------------


def print_table(title, header, rows):
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    sys.stdout.flush()


# ---- self-test ---------------------------------------------------------------------------------


def close(left, right):
    return abs(left - right) < 1e-9


def self_test():
    score_self_test()
    data_self_test()
    print("detector_scores: self-test passed")


def score_self_test():
    """The score by what its definition says: Lavin & Ahmad 2015, and NAB's own comments, which
    give S(−1) = 0.98661 and S(−0.5) = 0.84828."""
    assert abs(nab_score.sigmoid(-1) - 0.98661) < 1e-5
    assert abs(nab_score.sigmoid(-0.5) - 0.84828) < 1e-5
    assert nab_score.sigmoid(0) == 0 and nab_score.sigmoid(3.1) == -1
    assert nab_score.probation(1000) == 150 and nab_score.probation(20_000) == 750

    windows = [(300, 399), (700, 799)]
    perfect = nab_score.tally(1000, windows, [300, 700])
    nothing = nab_score.tally(1000, windows, [])
    for profile in nab_score.PROFILES:
        assert close(perfect.score(profile), 100) and close(nothing.score(profile), 0)
    # The second detection in a window is free; one before any window costs a whole false alarm:
    # 0.11 of 4, since 100 lies 2 + 2 above nothing.
    twice = nab_score.tally(1000, windows, [300, 350, 700, 200])
    assert twice.false == 1 and close(twice.score("standard"), 100 - 100 * 0.11 / 4)
    assert close(twice.score("low_fp"), 100 - 100 * 0.22 / 4)
    # Just behind a window costs little, and what falls in the probation nothing.
    behind = nab_score.tally(1000, windows, [300, 700, 800])
    assert 99.9 < behind.score("standard") < 100
    early = nab_score.tally(1000, windows, [10, 149, 300, 700])
    assert early.false == 0 and close(early.score("standard"), 100)
    # A missed window counts double where missing is dear.
    missed = nab_score.tally(1000, windows, [300])
    assert close(missed.score("standard"), 50) and close(missed.score("low_fn"), 50)
    late = nab_score.tally(1000, windows, [399, 799])
    assert late.found == 2 and late.score("standard") < 60
    hidden = nab_score.tally(1000, [(20, 90)], [30])
    assert hidden.windows == 0 and hidden.score("standard") is None


def data_self_test():
    assert detector_data.runs([0, 1, 1, 0, 1]) == [(1, 2), (4, 4)]
    assert detector_data.micros("1970-01-01 00:01:00") == 60_000_000
    assert detector_data.micros("1970-01-01T01:00:00+01:00") == 0
    assert detector_data.pv_time("1/2/1970") == DAY
    assert edges([0, 5, 5, 0, 5], 3, refractory=2) == [1, 4]
    assert edges([0, 5, 5, 0, 5], 3, refractory=3) == [1]
    flat = [1.0, 2.0] * 100
    assert max(static_scores(flat)) < 1.1
    assert ewma_scores(flat + [100.0])[-1] > 50

    minute = detector_data.MINUTE
    times = [row * 10 * minute for row in range(30 * 144)]
    sound = Series("T/Ot_avg", 10 * minute, times, [1.0] * len(times))
    fault = detector_faults.FAULTS[0]
    begin = 25 * DAY
    faulty = detector_faults.with_fault(sound, fault, begin, 20 * DAY, "x")
    assert faulty.times[0] == 5 * DAY
    changed = [time for time, value in zip(faulty.times, faulty.values) if value == 3.0]
    assert changed[0] == begin and changed[-1] == begin + DAY - 10 * minute
    drifting = detector_faults.with_fault(sound, detector_faults.FAULTS[1], begin, DAY, "x")
    assert max(drifting.values) < 4 and drifting.values[0] == 1.0
    drawn = detector_faults.trials([sound], faults=[fault], count=3)
    again = detector_faults.trials([sound], faults=[fault], count=3)
    assert [trial.begin for trial in drawn] == [trial.begin for trial in again]
    assert detector_faults.delay([begin - 1, begin + 7], begin, DAY) == 7
    assert detector_faults.delay([begin - 1, begin + DAY], begin, DAY) is None

    made = detector_made.quiet(series_count=2, days=1)
    assert len(made) == 2 * len(detector_made.KINDS)
    assert all(len(series.values) == 1440 for series in made)
    assert made[0].values != made[1].values
    assert made[0].values == detector_made.quiet(series_count=1, days=1)[0].values
    change, series = detector_made.changed(trial_count=1)[-1]
    assert change == "level, 5 spreads" and sum(series.values[4320:4680]) > 4.5 * 360

    labelled = Series("x", minute, [row * minute for row in range(20)], [0.0] * 20, [(5, 6)])
    assert hits(labelled, [7 * minute, 12 * minute]) == (1, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--replay", help="the program DetectorReplay, built for release")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--set", action="append", choices=["nab", "wind", "pv", "made"], dest="sets")
    parser.add_argument("--false-alarm-every", help="seconds; the default of the rule if not given")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return
    sets = arguments.sets or ["nab", "wind", "pv", "made"]
    if not arguments.replay or (sets != ["made"] and not arguments.data):
        parser.error("--replay and --data are needed, or --self-test")
    options = []
    if arguments.false_alarm_every:
        options = ["--false-alarm-every", arguments.false_alarm_every]
    if "nab" in sets:
        score_nab(arguments.replay, arguments.data / "nab", options)
    if "wind" in sets:
        score_wind(arguments.replay, arguments.data / "la-haute-borne", options)
    if "pv" in sets:
        score_pv(arguments.replay, arguments.data / "pv-inverter", options)
    if "made" in sets:
        score_made(arguments.replay, options)


if __name__ == "__main__":
    main()
