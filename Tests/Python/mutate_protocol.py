"""Breaks every rule of the exactly-once protocol, one at a time, and sees whether anybody notices.

    mutate_protocol.py [--seeds N] [--tests] [--work FOLDER] [--jobs N] [--only TEXT]
        [--markdown FILE]
    mutate_protocol.py --self-test

The mutations are in protocol_mutations.py. HEAD is exported, all mutations are written into that
copy at once, each behind a switch that an environment variable turns on, and the simulator is
built once: a build takes minutes, a mutation is often noticed within seconds. The program with no
mutation on must pass the same seeds first.

Seeds are run in rounds of growing length, so that what is easily noticed is said early. A mutation
that no seed notices is taken to the unit tests (`--tests`) or has survived. Exit codes: 0 every
mutation was noticed, 1 some survived or a harmless one was noticed, 2 the tool cannot do its work.

`--work` keeps the copy and its build from one run to the next.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from protocol_mutations import MUTATIONS, Edit, Mutation

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "DOWNLINK_MUTATION"
ROUNDS = [25, 125, 500, 2_000, 10_000, 50_000, 250_000]
# A seed takes a fifth of a second: this is for machines that do much else.
SEED_SECONDS_MAX = 300
# Quick ones first.
TEST_TARGETS = ["Storage", "DeltaLog", "Ledger", "Pipeline"]
TEST_SECONDS_MAX = 1_800

SWITCH = f"""\
import Glibc

/// Written by mutate_protocol.py: which mutation is on.
package enum ProtocolMutation {{
  package static let number: Int = {{
    guard let text = unsafe getenv("{VARIABLE}") else {{ return 0 }}
    return unsafe Int(String(cString: text)) ?? 0
  }}()
}}
"""


class Unfit(Exception):
    """The tool cannot do its work; the message says why."""


# ---- writing mutations into text ---------------------------------------------------------------


def find(text, edit, file):
    """Where the edit's text is; it must be there once."""

    def only(part, whole, start):
        count = whole.count(part)
        if count != 1:
            raise Unfit(f"{file}: the text is there {count} times, not once: {part!r}")
        return start + whole.index(part)

    if not edit.at:
        start = only(edit.old, text, 0)
    else:
        start = only(edit.old, edit.at, only(edit.at, text, 0))
    return start, start + len(edit.old)


def mutated(text, edits, file):
    """The text with all edits, given as (number of the mutation, edit)."""
    spans = {}
    for number, edit in edits:
        spans.setdefault(find(text, edit, file), []).append((number, edit))
    for left in spans:
        for right in spans:
            if left[0] < right[0] < left[1] < right[1]:
                raise Unfit(f"{file}: edits overlap: {text[left[0]:right[1]]!r}")

    def render(start, end, inner):
        result, place = "", start
        while inner:
            first = min(inner, key=lambda span: (span[0], -span[1]))
            within = [s for s in inner if first[0] <= s[0] and s[1] <= first[1] and s != first]
            old = render(*first, within)
            for number, edit in spans[first]:
                on = f"(ProtocolMutation.number == {number})"
                if "$old" not in edit.template and len(spans[first]) > 1:
                    raise Unfit(f"{file}: two edits of one text, and one leaves out $old")
                old = edit.template.replace("$on", on).replace("$old", old)
            result += text[place : first[0]] + old
            place = first[1]
            inner = [s for s in inner if s != first and s not in within]
        return result + text[place:end]

    return render(0, len(text), list(spans))


def with_import(text):
    if re.search(r"^(package )?import Base$", text, re.MULTILINE):
        return text
    return re.sub(r"^(package )?import ", r"import Base\n\g<0>", text, count=1, flags=re.MULTILINE)


def write_mutations(sources, mutations):
    by_file = {}
    for number, mutation in enumerate(mutations, 1):
        for edit in mutation.edits:
            by_file.setdefault(edit.file, []).append((number, edit))
    for file, edits in sorted(by_file.items()):
        path = sources / file
        write_if_new(path, with_import(mutated(path.read_text(), edits, file)))
    write_if_new(sources / "Base/ProtocolMutation.swift", SWITCH)


def write_if_new(path, text):
    """A file that stays as it is keeps its time, and is not compiled again."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


# ---- the copy ----------------------------------------------------------------------------------


def manifest(text):
    """Package.swift cut down to the simulator and the tests of the protocol's modules: Hummingbird
    and what it needs take longer to build than all of that."""
    head, rest = text.split("  targets: [\n", 1)
    body, tail = rest.rsplit("\n  ]\n", 1)
    items = re.split(r"\n(?=    [.\w])", "\n" + body)[1:]

    def is_wanted(item):
        if "HummingbirdCore" in item or "Yams" in item or "CSystemd" in item:
            return False
        if item.lstrip().startswith("benchmark(") or 'path: "Benchmarks/' in item:
            return False
        if "tests(" in item or ".testTarget(" in item:
            name = re.search(r'"(\w+)"', item).group(1)
            return "tests(" in item and name in TEST_TARGETS
        return True

    head = re.sub(r"  products: \[.*?\n  \],\n", "", head, flags=re.DOTALL)
    head = re.sub(
        r"    \.package\((?:(?!\.package\().)*?\),\n",
        lambda found: found.group(0)
        if re.search("swift-log|swift-argument-parser", found.group(0))
        else "",
        head,
        flags=re.DOTALL,
    )
    return head + "  targets: [\n" + "\n".join(filter(is_wanted, items)) + "\n  ]\n" + tail


def prepare(work, mutations):
    """Exports HEAD into the work folder and writes the mutations into it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", "HEAD", "Package.swift", "Sources", "Tests"],
            stdout=subprocess.PIPE,
            check=True,
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        source = Path(folder)
        write_mutations(source / "Sources", mutations)
        (source / "Package.swift").write_text(manifest((source / "Package.swift").read_text()))
        work.mkdir(parents=True, exist_ok=True)
        for part in ["Sources", "Tests"]:
            mirror(source / part, work / part)
        write_if_new(work / "Package.swift", (source / "Package.swift").read_text())
    if (ROOT / "Package.resolved").exists() and not (work / "Package.resolved").exists():
        (work / "Package.resolved").write_bytes((ROOT / "Package.resolved").read_bytes())


def mirror(source, target):
    """Makes the target's files those of the source, touching only what differs."""
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    for path in target.rglob("*"):
        if path.is_file() and path.relative_to(target) not in wanted:
            path.unlink()
    for path in wanted:
        old, new = target / path, (source / path).read_bytes()
        if not old.exists() or old.read_bytes() != new:
            old.parent.mkdir(parents=True, exist_ok=True)
            old.write_bytes(new)


def swift(work, *arguments, jobs):
    command = ["swift", *arguments, "--jobs", str(jobs)]
    run = subprocess.run(
        command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if run.returncode != 0:
        raise Unfit(f"{' '.join(command)} failed:\n" + run.stdout[-6_000:])


# ---- running -----------------------------------------------------------------------------------


def environment(number):
    return dict(
        os.environ,
        SWIFT_DETERMINISTIC_HASHING="1",
        SWIFT_BACKTRACE="enable=no",
        # Some tests read what was written with another program's eyes.
        DOWNLINK_PYTHON=os.environ.get("DOWNLINK_PYTHON", str(ROOT / ".venv/bin/python")),
        **{VARIABLE: str(number)},
    )


def first_failure(program, number, first, count, processor):
    """Runs seeds until one fails: the seed and what was said of it, or nil."""
    command = ["taskset", "-c", str(processor), str(program)]
    command += ["--first", str(first), "--worker-count", str(count)]
    process = subprocess.Popen(
        command,
        env=environment(number),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seed, other_lines, is_late = first, [], threading.Event()

    def kill():
        is_late.set()
        process.kill()

    timer = threading.Timer(SEED_SECONDS_MAX, kill)
    timer.start()
    try:
        for line in process.stdout:
            if line.startswith("begin "):
                seed = int(line.split()[1])
                timer.cancel()
                timer = threading.Timer(SEED_SECONDS_MAX, kill)
                timer.start()
            elif line.startswith("{"):
                violations = json.loads(line)["violations"]
                if violations:
                    return seed, violations[0]
            else:
                other_lines.append(line)
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    if is_late.is_set():
        return seed, "stuck: no end within the time for a seed"
    if process.returncode == 0:
        return None
    text = " ".join("".join(other_lines[:3]).split())
    return seed, text or f"trapped, signal {-process.returncode}"


def noticed_by(detail):
    """In a word: which invariant, or how else."""
    invariant = re.match(r"I\d+", detail)
    if invariant:
        return invariant.group(0)
    return "stuck" if "stuck" in detail else "trap"


class Outcome:
    def __init__(self, number, mutation):
        self.number = number
        self.mutation = mutation
        self.seed_count = 0
        self.noticed = ""
        self.detail = ""

    def row(self):
        noticed = self.noticed or ("harmless" if self.mutation.harmless else "**nobody**")
        detail = self.detail or self.mutation.harmless
        detail = re.sub(r"\s+", " ", detail).replace("|", "\\|")
        return (
            f"| {self.mutation.name} | {self.mutation.rule} | {noticed} "
            f"| {self.seed_count} | {detail[:150]} |"
        )


HEADER = "| mutation | rule | noticed by | seeds | what was said |\n| --- | --- | --- | --- | --- |"


def simulate(program, outcome, first, count, processor):
    failure = first_failure(program, outcome.number, first, count, processor)
    if failure is None:
        outcome.seed_count = first + count - 1
        return
    outcome.seed_count = failure[0]
    outcome.noticed, outcome.detail = noticed_by(failure[1]), failure[1]


def run_simulations(program, outcomes, options, tell):
    """Rounds of growing length over all that nobody has noticed yet."""
    baseline = Outcome(0, Mutation("none", 0, ()))
    first = 1
    for length in ROUNDS:
        count = min(length, options.seeds - first + 1)
        left = [outcome for outcome in outcomes if not outcome.noticed]
        if count <= 0 or not left:
            return
        simulate(program, baseline, first, count, 0)
        if baseline.noticed:
            raise Unfit(f"seed {baseline.seed_count} fails without a mutation: {baseline.detail}")
        tell(f"seeds {first} to {first + count - 1}: {len(left)} mutations; without one: passed")
        processors = list(range(options.jobs))

        def work(outcome):
            processor = processors.pop()
            try:
                simulate(program, outcome, first, count, processor)
            finally:
                processors.append(processor)
            if outcome.noticed:
                tell(outcome.row())

        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(work, left))
        first += count


def failing_tests(work, number, target):
    """What fails in a module's tests with a mutation on: none, or the first few."""
    process = subprocess.Popen(
        ["swift", "test", "--skip-build", "--filter", f"{target}Tests\\."],
        cwd=work,
        env=environment(number),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TEST_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return ["the tests do not end"]
    failed = re.findall(r'✘ Test "(.+?)" (?:with .*)?failed', output)
    if failed or process.returncode == 0:
        return failed
    trap = re.search(r"(?:Precondition failed|Fatal error)[^\n]*", output)
    return [trap.group(0) if trap else f"swift test ended with {process.returncode}"]


def run_tests(work, outcomes, options, tell):
    left = [o for o in outcomes if not o.noticed and not o.mutation.harmless]
    if not left:
        return
    swift(work, "build", "--build-tests", jobs=options.jobs)
    failing = {target: failing_tests(work, 0, target) for target in TEST_TARGETS}
    for target, names in failing.items():
        if names:
            raise Unfit(f"tests of {target} fail without a mutation: {', '.join(names)}")
    for outcome in left:
        for target in TEST_TARGETS:
            names = failing_tests(work, outcome.number, target)
            if names:
                outcome.noticed, outcome.detail = f"{target}Tests", names[0]
                break
        tell(outcome.row())


# ---- the whole ---------------------------------------------------------------------------------


def judge(outcomes, tell):
    survivors = [o for o in outcomes if not o.noticed and not o.mutation.harmless]
    surprises = [o for o in outcomes if o.noticed and o.mutation.harmless]
    for outcome in survivors:
        tell(f"SURVIVED: {outcome.mutation.name} (rule {outcome.mutation.rule})")
    for outcome in surprises:
        tell(f"NOTICED, though harmless: {outcome.mutation.name}: {outcome.detail}")
    noticed = sum(1 for o in outcomes if o.noticed)
    tell(f"{len(outcomes)} mutations, {noticed} noticed, {len(survivors)} survived")
    return 1 if survivors or surprises else 0


def run(options, work):
    # All are compiled in, whatever is to be run: numbers and the build stay the same.
    prepare(work, MUTATIONS)
    outcomes = [
        Outcome(number, mutation)
        for number, mutation in enumerate(MUTATIONS, 1)
        if re.search(options.only, mutation.name)
    ]

    def tell(line):
        print(line, flush=True)
        if options.markdown and line.startswith("| "):
            with open(options.markdown, "a") as file:
                file.write(line + "\n")

    tell(HEADER)
    if options.seeds > 0:
        begin = time.monotonic()
        arguments = ["--configuration", "release", "--product", "downlinkd-simulator"]
        swift(work, "build", *arguments, jobs=options.jobs)
        tell(f"built in {time.monotonic() - begin:.0f} s; {len(outcomes)} mutations")
        program = work / ".build/release/downlinkd-simulator"
        run_simulations(program, outcomes, options, tell)
    if options.tests:
        run_tests(work, outcomes, options, tell)
    for outcome in outcomes:
        if not outcome.noticed:
            tell(outcome.row())
    return judge(outcomes, tell)


def self_test():
    text = "let a = b\nfoo()\nif x { foo() }\n"
    nested = [
        (1, Edit("f", "let a = b\n", "if $on { a() }\n$old")),
        (2, Edit("f", "b", "($on ? 1 : $old)", at="a = b")),
        (3, Edit("f", "foo()", "if $on { $old }", at="if x { foo() }")),
        (4, Edit("f", "foo()", "bar($on); $old", at="if x { foo() }")),
    ]
    found = mutated(text, nested, "f")
    on = "(ProtocolMutation.number == {})".format
    assert found == (
        f"if {on(1)} {{ a() }}\nlet a = ({on(2)} ? 1 : b)\nfoo()\n"
        f"if x {{ bar({on(4)}); if {on(3)} {{ foo() }} }}\n"
    ), found
    for edit in [Edit("f", "foo()", ""), Edit("f", "absent", ""), Edit("f", "b", "", at="absent")]:
        try:
            mutated(text, [(1, edit)], "f")
        except Unfit:
            continue
        raise AssertionError(f"{edit} was taken")
    assert with_import("// c\nimport Glibc\n") == "// c\nimport Base\nimport Glibc\n"
    assert with_import("package import Base\n") == "package import Base\n"
    cut = manifest((ROOT / "Package.swift").read_text())
    assert "CDecodeScanner" not in cut, "a benchmark's code is not in the copy"
    assert "hummingbird" not in cut.lower() and '"downlinkd-simulator"' in cut
    assert all(re.search(rf'tests\(\s*"{name}"', cut) for name in TEST_TARGETS)
    assert not re.search(r'tests\(\s*"Kafka"|"downlinkd"', cut)
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)
    with tempfile.TemporaryDirectory() as folder:
        # Every text is where the list says, in the sources as they are.
        for file in {edit.file for mutation in MUTATIONS for edit in mutation.edits}:
            write_if_new(Path(folder) / file, (ROOT / "Sources" / file).read_text())
        write_mutations(Path(folder), MUTATIONS)
    print(f"mutate_protocol.py: {len(MUTATIONS)} mutations fit the sources")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2_000, help="0: no simulation")
    parser.add_argument("--tests", action="store_true")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="names of the mutations to run, a regex")
    parser.add_argument("--markdown", help="rows of the table are added to this file as they come")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    try:
        if options.self_test:
            self_test()
            return 0
        if options.work:
            return run(options, options.work.resolve())
        with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
            return run(options, Path(folder))
    except Unfit as reason:
        print(reason, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
