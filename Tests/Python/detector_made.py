"""Series made by a seeded generator, one reading a minute: kinds of signal in which nothing
happens, and normal noise in which one thing of a known size does."""

import math
import random

from detector_data import DAY, MINUTE, Series

SEED = 7
START = 1_600_000_020 * 1_000_000
LEAD = 3 * DAY


def walk(draw, keep, count):
    level, made = 0.0, []
    for _ in range(count):
        level = keep * level + draw.gauss(0, 1)
        made.append(level)
    return made


def heavy(draw, count):
    """Student's t with three degrees of freedom."""
    made = []
    for _ in range(count):
        square = sum(draw.gauss(0, 1) ** 2 for _ in range(3))
        made.append(draw.gauss(0, 1) / math.sqrt(square / 3))
    return made


def switch(draw, chance, count):
    state, made = 0, []
    for _ in range(count):
        if draw.random() < chance:
            state = 1 - state
        made.append(float(state))
    return made


def solar(draw, count):
    return [
        max(0.0, 100 * math.sin(2 * math.pi * minute / 1440)) * draw.random() ** 0.3
        for minute in range(count)
    ]


def counter(draw, count):
    total, made = 0.0, []
    for _ in range(count):
        total += max(0.0, 5 + draw.gauss(0, 1))
        made.append(total)
    return made


KINDS = {
    "normal noise": lambda draw, count: [draw.gauss(0, 1) for _ in range(count)],
    "heavy tails (t, 3 degrees)": heavy,
    "log-normal": lambda draw, count: [math.exp(draw.gauss(0, 1)) for _ in range(count)],
    "slow noise (AR 0.99)": lambda draw, count: walk(draw, 0.99, count),
    "random walk": lambda draw, count: walk(draw, 1, count),
    "slow noise, rounded to few values": lambda draw, count: [
        float(round(value / 3)) for value in walk(draw, 0.9, count)],
    "day and night, clouds": solar,
    "switch, every 5 hours on average": lambda draw, count: switch(draw, 0.003, count),
    "counter": counter,
    "one minute of 1 in 33 hours of 0": lambda draw, count: [
        float(draw.random() < 0.0005) for _ in range(count)],
}


def times(count):
    first = START // MINUTE * MINUTE
    return [first + row * MINUTE for row in range(count)]


def quiet(series_count=4, days=60, seed=SEED):
    """`series_count` series of each kind: their names begin with the kind's."""
    made = []
    count = days * 1440
    for number, (kind, make) in enumerate(KINDS.items()):
        for index in range(series_count):
            draw = random.Random(seed + 1000 * number + index)
            made.append(Series(f"{kind}#{index}", MINUTE, times(count), make(draw, count)))
    return made


# What happens → size in standard deviations and length in minutes.
CHANGES = {
    "1 minute, 5 spreads": (5, 1), "1 minute, 6 spreads": (6, 1), "1 minute, 7 spreads": (7, 1),
    "1 minute, 8 spreads": (8, 1), "1 minute, 10 spreads": (10, 1),
    "1 minute, 15 spreads": (15, 1),
    "level, 1 spread": (1, 360), "level, 1.5 spreads": (1.5, 360), "level, 2 spreads": (2, 360),
    "level, 3 spreads": (3, 360), "level, 5 spreads": (5, 360),
}


def changed(trial_count=60, seed=SEED):
    """Normal noise for three days, then the change, then an hour: (change, series)."""
    made = []
    count = LEAD // MINUTE + 420
    for number, (change, (size, length)) in enumerate(CHANGES.items()):
        for trial in range(trial_count):
            draw = random.Random(seed + 1000 * number + trial)
            values = [draw.gauss(0, 1) for _ in range(count)]
            first = LEAD // MINUTE
            for row in range(first, first + length):
                values[row] += size
            made.append((change, Series(f"{number}-{trial}", MINUTE, times(count), values)))
    return made
