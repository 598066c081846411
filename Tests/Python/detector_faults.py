"""Faults put into the real signals of the wind farm, and which of them a detector finds."""

import random
from dataclasses import dataclass

from detector_data import DAY, Series

HOUR = DAY // 24
LEAD = 20 * DAY
TRIALS = 150
SEED = 20250101


@dataclass
class Fault:
    """`change(value, share, first)`: the faulty value where `share` of the fault's time has
    passed; `first` is the last sound value."""

    name: str
    metric: str
    span: int
    change: object


FAULTS = [
    Fault("temperature +2 °C, 1 day", "Ot_avg", DAY, lambda value, share, first: value + 2),
    Fault("temperature drift 0 to 3 °C, 3 days", "Ot_avg", 3 * DAY,
          lambda value, share, first: value + 3 * share),
    Fault("temperature stuck, 12 h", "Ot_avg", 12 * HOUR, lambda value, share, first: first),
    Fault("wind speed +1.5 m/s, 1 day", "Ws_avg", DAY, lambda value, share, first: value + 1.5),
    Fault("wind speed drift 0 to 2 m/s, 3 days", "Ws_avg", 3 * DAY,
          lambda value, share, first: value + 2 * share),
    Fault("wind speed × 0.8, 1 day", "Ws_avg", DAY, lambda value, share, first: value * 0.8),
    Fault("power −200 kW, 1 day", "P_avg", DAY, lambda value, share, first: value - 200),
    Fault("power × 0.8, 1 day", "P_avg", DAY, lambda value, share, first: value * 0.8),
    # Gross ones, which nothing in the table of algorithms-and-data.md has beside them.
    Fault("temperature +30 °C, 1 h", "Ot_avg", HOUR, lambda value, share, first: value + 30),
    Fault("temperature +10 °C, 1 day", "Ot_avg", DAY, lambda value, share, first: value + 10),
    Fault("wind speed +15 m/s, 1 day", "Ws_avg", DAY, lambda value, share, first: value + 15),
]


@dataclass
class Trial:
    fault: str
    span: int
    # The series with the fault in it, and the same rows without.
    faulty: Series
    source: str
    begin: int


def trials(series_list, faults=FAULTS, count=TRIALS, lead=LEAD, seed=SEED):
    """Draws places for each fault among the series of its metric; each trial has `lead` of sound
    readings before it, and an hour behind it."""
    made = []
    for number, fault in enumerate(faults):
        draw = random.Random(seed + number)
        fitting = [series for series in series_list if series.name.endswith("/" + fault.metric)]
        for trial in range(count):
            series = draw.choice(fitting)
            last = series.times[-1] - fault.span - HOUR
            begin = draw.randrange(series.times[0] + lead, last) // series.every * series.every
            made.append(
                Trial(
                    fault.name, fault.span,
                    with_fault(series, fault, begin, lead, f"{number}-{trial}"),
                    series.name, begin,
                )
            )
    return made


def with_fault(series, fault, begin, lead, name):
    times, values = [], []
    first = None
    for time, value in zip(series.times, series.values):
        if not begin - lead <= time < begin + fault.span + HOUR:
            continue
        if time < begin:
            first = value
        elif time < begin + fault.span:
            value = fault.change(value, (time - begin) / fault.span, first)
        times.append(time)
        values.append(value)
    return Series(name, series.every, times, values)


def delay(openings, begin, span):
    """Time from the start of the fault to the first opening within it; None where there is none."""
    inside = [time - begin for time in openings if begin <= time < begin + span]
    return min(inside) if inside else None
