"""The score of the Numenta Anomaly Benchmark v1.1, for detections that are rows of a series.

Lavin & Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark",
2015: a window counts once, by its earliest detection, and every detection outside costs by its
distance behind the window before it. The first 15 % of a series, at most 750 rows, never count.
"""

import math
from dataclasses import dataclass, field

PROBATION_SHARE = 0.15
PROBATION_ROWS_MAX = 750

# Weights of a false positive and of a missed window; a found window weighs 1.
PROFILES = {
    "standard": (0.11, 1.0),
    "low_fp": (0.22, 1.0),
    "low_fn": (0.11, 2.0),
}


def sigmoid(position):
    """From +1 far before the right edge of a window to −1 far behind it, 0 at the edge."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def probation(row_count):
    return int(min(math.floor(PROBATION_SHARE * row_count), PROBATION_ROWS_MAX))


@dataclass
class Tally:
    """What was found in some series. Worths are unweighted sums."""

    windows: int = 0
    found: int = 0
    false: int = 0
    found_worth: float = 0.0
    false_worth: float = 0.0
    # Of each found window: its earliest detection, as a share of its width.
    positions: list = field(default_factory=list)
    # Of each found window: (first row of the window, row of the earliest detection).
    delays: list = field(default_factory=list)

    def add(self, other):
        self.windows += other.windows
        self.found += other.found
        self.false += other.false
        self.found_worth += other.found_worth
        self.false_worth += other.false_worth
        self.positions += other.positions
        self.delays += other.delays

    def score(self, profile):
        """100 for every window found at its start and nothing else, 0 for finding nothing."""
        if self.windows == 0:
            return None
        false_weight, missed_weight = PROFILES[profile]
        raw = (
            self.found_worth
            + false_weight * self.false_worth
            - missed_weight * (self.windows - self.found)
        )
        nothing = -missed_weight * self.windows
        return 100 * (raw - nothing) / (self.windows - nothing)


def tally(row_count, windows, detections):
    """Tallies one series. `windows`: disjoint (first row, last row), inclusive, in order;
    `detections`: rows in any order, each counted once."""
    result = Tally()
    start = probation(row_count)
    scored = sorted({row for row in detections if row >= start})
    best = sigmoid(-1.0)
    for first, last in windows:
        # A window within the probation holds no row that counts.
        if last < start:
            continue
        result.windows += 1
        inside = [row for row in scored if first <= row <= last]
        if inside:
            width = last - first + 1
            result.found += 1
            result.found_worth += sigmoid(-(last - inside[0] + 1) / width) / best
            result.positions.append((inside[0] - first) / width)
            result.delays.append((first, inside[0]))
    for row in scored:
        if any(first <= row <= last for first, last in windows):
            continue
        before = [window for window in windows if window[1] < row]
        result.false += 1
        if before:
            first, last = before[-1]
            result.false_worth += sigmoid((row - last) / (last - first))
        else:
            result.false_worth -= 1
    return result
