"""Everything that can go wrong with real processes, in a seeded order, while fleets produce: one to
three instances share a root and a group; the tables decide, and a matrix says what was met.

    chaos.py [--quick] [--seed N] [--faults 120] [--only KIND …] [--acts NAME …]

With --quick every kind of fault comes once. The schedule is dealt to three troupes, each a broker,
a root and instances of its own, because most of the time everybody waits for a session's end. What
must end in a stop with a sentence (a damaged ledger, another log in place of the known one, …) are
short acts beside them: chaos_acts.py. Rerun a failure with the seed it prints; the order of faults
follows from the seed, the moments within a commit do not.
"""

import collections
import concurrent.futures
import os
import statistics

import chaos_acts
import harness
from chaos_troupe import Troupe

TROUPES = ["red", "green", "blue"]
ACTS_AT_ONCE = 3


class Matrix:
    """Fault × where × how often × outcome."""

    def __init__(self):
        self.rows = collections.defaultdict(list)

    def note(self, fault, where, outcome, seconds=None):
        self.rows[fault, where].append((outcome, seconds))

    def count(self):
        return sum(map(len, self.rows.values()))

    def lines(self):
        width = max(len(fault) for fault, _ in self.rows)
        yield f"{'fault':<{width}}  {'where':<22}  times  outcome"
        for (fault, where), met in sorted(self.rows.items()):
            said = collections.Counter(outcome for outcome, _ in met)
            outcome = "; ".join(
                f"{text} ({count})" if len(said) > 1 else text for text, count in said.items()
            )
            seconds = [took for _, took in met if took is not None]
            if seconds:
                outcome += f"; caught up after {statistics.median(seconds):.1f} s"
                outcome += f", at most {max(seconds):.1f} s" if len(seconds) > 1 else ""
            yield f"{fault:<{width}}  {where:<22}  {len(met):>5}  {outcome}"


def schedule(scenario):
    """A plan for each troupe: every kind, and again, in random order."""
    arguments = scenario.arguments
    kinds = [kind for kind in Troupe.KINDS if not arguments.only or kind in arguments.only]
    if os.geteuid() != 0:
        scenario.note("only root can mount a small file system: the disk is never full")
        kinds = [kind for kind in kinds if "full" not in kind]
    count = arguments.faults or (len(kinds) if scenario.is_quick else 120)
    plan = []
    while len(plan) < count:
        plan += scenario.random.sample(kinds, len(kinds))
    plan = plan[:count]
    return [found for start in range(len(TROUPES)) if (found := plan[start :: len(TROUPES)])]


def perform(scenario, name, matrix, plan):
    """A troupe's whole plan, with as many brokers as that takes."""
    count = 0
    while plan:
        count += 1
        part = scenario.part(name if count == 1 else f"{name}-{count}")
        plan = Troupe(part, matrix, len(plan)).perform(plan)


def run(scenario):
    matrix = Matrix()
    with concurrent.futures.ThreadPoolExecutor(len(TROUPES) + ACTS_AT_ONCE) as pool:
        running = [
            pool.submit(perform, scenario, name, matrix, plan)
            for name, plan in zip(TROUPES, schedule(scenario))
        ]
        running += chaos_acts.submit_all(pool, scenario, matrix, scenario.arguments.acts)
        done, _ = concurrent.futures.wait(
            running, return_when=concurrent.futures.FIRST_EXCEPTION)
        faults = [one.exception() for one in done if one.exception()]
        if faults:
            # The others would go on for minutes; what they say from here on is not of interest.
            scenario.end_everything()
    for line in matrix.lines():
        print(f"  {line}", flush=True)
    if faults:
        raise faults[0]
    scenario.note(f"{matrix.count()} faults of {len({kind for kind, _ in matrix.rows})} kinds")


def add_arguments(parser):
    parser.add_argument("--faults", type=int, help="how many (120; each kind once with --quick)")
    parser.add_argument("--only", nargs="*", help="kinds of faults, as the matrix names them")
    parser.add_argument("--acts", nargs="*", help="names of acts (all; none if no name follows)")


if __name__ == "__main__":
    harness.main(run, add_arguments)
