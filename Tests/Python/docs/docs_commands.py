"""What the pages tell people to type is typed: README.md, docs/ and the pages of deploy/.

    DOWNLINKD=… docs_commands.py [--write-options] [--keep] [pages…]

Every command of a sh or console block that calls downlinkd is run, in a machine of its own
(world.py), with its exit code and, where the page shows one, the shape of its output. A command
that this file does not know is a failure: it must be one that can be run (SHELL_WORDS) or one of
those that are not, each with its reason (NOT_RUN). Commands in the text of a page must be such that
the program has, and are run where they are whole. Links lead somewhere, blocks of YAML, SQL and
Python are what the program and the readers take, and docs/CLI.md is what the program says of
itself; --write-options writes its tables anew.
"""

import argparse
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "blackbox")]

import documents
import fragments
import program
import world
from documents import CHECKOUT
from harness import Failure, binary, require

# Run as they stand.
SHELL_WORDS = {
    ".", ":", "[", "cat", "cd", "chmod", "cp", "curl", "cut", "date", "diff", "downlinkd", "du",
    "duckdb", "echo", "export", "false", "find", "grep", "head", "install", "jq", "kill", "ln",
    "ls", "mkdir", "mv", "openssl", "printf", "protoc", "python3", "rm", "sed", "sleep", "sort",
    "source", "tail", "tee", "test", "touch", "true", "umask", "wait", "wc",
}  # fmt: skip
# Programs that do nothing here, and who tries what they do.
NOT_RUN = {
    "apt": "make test-systemd installs, upgrades and removes the package",
    "dpkg": "the same",
    "docker": "no engine runs here; Tests/Python/deploy reads the files",
    "podman": "the same",
    "kubectl": "the same",
    "git": "needs a network",
    "journalctl": "no journal here; make test-systemd reads it",
    "make": "CI runs its targets",
    "mount": "needs a server for NFS",
    "sudoedit": "an editor waits for a person",
    "swift": "CI builds",
    "systemctl": "make test-systemd; a reload reaches the instance here, too",
    "systemd-analyze": "Tests/Python/deploy",
    "systemd-creds": "needs a service manager; make test-systemd hands over credentials",
    "systemd-sysusers": "make test-systemd",
    "systemd-tmpfiles": "make test-systemd",
}
# Pages whose commands are only held against what the program has, with the reason.
NOT_RUN_PAGES = {
    "docs/PERFORMANCE.md": "measurements: minutes of load, and a release build",
}
# Whole commands in the text of pages that are not run here.
INLINE_NOT_RUN = {
    r"downlinkd test --print FILE$": "any fixture; CLI.md names one",
    r"downlinkd demo\b": "more than a minute; Tests/Python/blackbox/demo.py runs it",
}
# Commands that ask a person, as the person's yes.
ASKS = {
    r"dead-letters replay(?!.*--(yes|dry-run|help))": "dead-letters replay --yes",
    r"offsets skip(?!.*--(yes|help))": "offsets skip --yes",
}
# Commands that want the place of the instance that runs.
INSTEAD_OF_INSTANCE = r"(sudo )?downlinkd run\b(?!.*--until-caught-up)"
# Exit codes other than 0: (page, command): code. Either is a pattern for the whole.
CODES = {
    # There is no such host; the black-box tests of the server ask one over TLS.
    (r".*", r"downlinkd status --url https://downlink\.example\.net.*"): 69,
    # Nobody answers there, and something is lost.
    (r"docs/how-to/recover.md", r"downlinkd status --config \S+"): 69,
    (r"docs/how-to/recover.md", r"downlinkd offsets show .*"): 69,
}
# Lines of outputs whose figures are no accident: they must be there as they stand.
EXACT = {
    "docs/TUTORIAL.md": ["│ 4203 │ 4203 │", "records 3 600 read, 0 dead"],
}
# Of a program that control-C ends, but for those that end in order.
CONTROL_C = 130
# Commands that go on until somebody ends them: they are ended by control-C after so many seconds.
ENDLESS = {
    r"downlinkd run (?!.*--until-caught-up).*": 5,
    r"downlinkd broker\b.*": 2,
    r"downlinkd status .*--watch\b.*": 3,
    r"downlinkd tap\b.*": 10,
}
# Looking again, as somebody does who waits for what a page says, for so many seconds.
LOOKS = r"(downlinkd (status|verify)|duckdb|cat|grep|curl|tail)\b(?!.*>)"
LOOK_SECONDS = 45
# A tutorial is a machine of its own, empty but for the program.
TUTORIALS = {"docs/TUTORIAL.md"}
# Pages for a bad night: the instance is down, and Kafka has deleted what it had not read.
LOST = {"docs/how-to/recover.md"}


def note(sentence):
    print(f"  {sentence}", flush=True)


# ---- what is in a command


def simple_commands(text):
    """The words of every simple command in a piece of shell, substitutions included."""
    text = re.sub(r"<<-?\s*(['\"]?)(\w+)\1(.*)\n(?:.*\n)*?\2\s*(?=\n|$)", r"\3", text + "\n")
    text = without_comments(text.replace("\\\n", " "))
    while inner := re.search(r"\$\(([^()]*)\)", text):
        yield from simple_commands(inner[1])
        text = f"{text[: inner.start()]}SUBSTITUTED{text[inner.end() :]}"
    text = re.sub(r"(?<=\s)\d(?=[<>])", "", text)
    # A `;` of its own keeps what a line break divides.
    lexer = shlex.shlex(text.replace("\n", " ; "), posix=False, punctuation_chars="();<>|&")
    lexer.commenters = ""
    lexer.whitespace_split = True
    words = []
    for token in lexer:
        if re.fullmatch(r"[();|&]+", token) or token in ("do", "then", "else"):
            if words:
                yield words
            words = []
        else:
            words.append(token)
    if words:
        yield words


def without_comments(text):
    """Shell without what stands behind a `#` that no quotes hold."""
    out, quote, is_comment, before = [], "", False, " "
    for one in text:
        if is_comment:
            is_comment = one != "\n"
        elif quote:
            quote = "" if one == quote else quote
        elif one in "'\"":
            quote = one
        elif one == "#" and before in " \n\t":
            is_comment = True
        if not is_comment:
            out.append(one)
        before = one
    return "".join(out)


def bare(words):
    """Without assignments, sudo and redirections."""
    out, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif re.fullmatch(r"\d*[<>&]+", word) or (not out and word in ("-u", "-g")):
            # Where it goes; sudo's user and group.
            skip = True
        elif not out and (re.match(r"\w+=", word) or word in ("sudo", "!", "if", "while", "until",
                                                              "for", "done", "fi", "time")):
            continue
        else:
            out.append(word.strip("\"'") if word[:1] in "\"'" else word)
    return out


def judge(command, known):
    """Whether to run the command: it calls downlinkd, and everything in it is known."""
    calls = False
    for words in simple_commands(command.text):
        words = bare(words)
        if not words:
            continue
        name = words[0]
        if name.startswith((".build/", "./", "Tests/", "/usr/bin/time")):
            name = "make"
        require(
            name in SHELL_WORDS or name in NOT_RUN,
            f"{command.place}: the test does not know `{name}`: add it to SHELL_WORDS, or to"
            " NOT_RUN with a reason",
        )
        if "downlinkd" in words and name not in NOT_RUN:
            calls = True
            try:
                program.parsed_call(words[words.index("downlinkd") + 1 :], known)
            except Failure as reason:
                raise Failure(f"{command.place}: {reason}") from None
    return calls


def expected_code(command):
    for (page, pattern), code in CODES.items():
        if re.fullmatch(page, command.page) and re.fullmatch(pattern, command.text.strip(), re.S):
            return code
    return 0


def stop_after(text):
    line = text.strip().removeprefix("sudo ")
    if re.search(r"&\s*(#.*)?$", line):
        return None
    for pattern, seconds in ENDLESS.items():
        if re.match(pattern, line, re.S):
            return seconds
    return None


# ---- outside: everything that needs no machine


def check_text(pages, known):
    """Links, the reference, the spelling of every call; the counts as a sentence."""
    links = fragments.check_links(pages)
    fragments.check_index(pages)
    named = fragments.check_names(pages)
    reference = (CHECKOUT / program.CLI_PAGE).read_text(encoding="utf-8")
    program.check_reference(reference, known)
    spelled = 0
    for page in pages.values():
        for command in page.commands():
            judge(command, known)
        for line, text in page.inline:
            if not re.match(r"downlinkd ", text):
                continue
            words = program.words_of(text.replace("…", ""))[1:]
            try:
                program.parsed_call([word for word in words if word], known)
            except Failure as reason:
                raise Failure(f"{page.path}:{line}: {reason}") from None
            spelled += 1
    note(f"{len(pages)} pages, {links} links, {named} names of files and of make's targets")
    note(f"{spelled} commands in the text are the program's")
    note(f"{program.CLI_PAGE} has all of {len(known)} commands and their options")


# ---- inside: on the machine


def run_command(shell, command, looks_again=False):
    """Runs it and holds its exit code and output against the page. `looks_again`: a command that
    only looks is repeated for a while."""
    deadline = time.monotonic() + (LOOK_SECONDS if looks_again else 0)
    while True:
        try:
            code, output = shell.run(answered(command.text), stop_after(command.text))
        except Failure as reason:
            raise Failure(f"{command.place}: `{command.text}`: {reason}") from None
        fault = fault_of(command, code, output)
        if fault is None or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    shown = "\n".join(f"    {line}" for line in output[-40:])
    if os.environ.get("DOCS_VERBOSE"):
        print(f"$ {command.text}\n{shown}", flush=True)
    require(fault is None, f"{command.place}: `{command.text}` {fault}; it said:\n{shown}")


def fault_of(command, code, output):
    """In what the command is not as the page says; None where it is."""
    wanted = expected_code(command)
    if code != wanted and not (code == CONTROL_C and stop_after(command.text)):
        return f"ended with {code}, not {wanted}"
    if not command.output:
        return None
    printed = [" ".join(line.split()) for line in output]
    for line in command.output:
        exact = " ".join(line.split())
        if exact in EXACT.get(command.page, []) and exact not in printed:
            return f"did not print exactly {line!r}"
    differs = documents.shows(command.output, output)
    return f"did not print {differs!r} there" if differs else None


def answered(text):
    for pattern, instead in ASKS.items():
        text = re.sub(pattern, instead, text)
    return text


def inline_commands(page, known):
    """Whole commands in a page's text, once each."""
    seen = set()
    for line, text in page.inline:
        if not text.startswith("downlinkd ") or text in seen or "…" in text:
            continue
        seen.add(text)
        if any(re.match(pattern, text) for pattern in INLINE_NOT_RUN):
            continue
        words = program.words_of(text)[1:]
        action, is_whole = program.parsed_call(words, known)
        # Without an option it is the name of a command.
        if is_whole and action and len(words) > len(action.words):
            yield documents.Command(page.path, line, text)


def run_standing(folder, pages, known):
    """All pages but the tutorials, on one machine, each in a shell of its own."""
    import standing

    bin_folder = world.programs(folder / "bin", NOT_RUN)
    machine = standing.Standing(folder, bin_folder)
    if {page.path for page in pages} <= LOST:
        machine.lose_a_position()
    else:
        machine.go_on_producing()
    checked = fragments.Fragments(machine.folder)
    faults, seen, count = [], set(), 0
    for page in pages:
        shell = world.Shell(machine.folder, bin_folder)
        commands = [] if page.path in NOT_RUN_PAGES else list(page.commands())
        lone = [one for one in inline_commands(page, known) if one.text not in seen]
        for command in [*commands, *lone]:
            seen.add(command.text)
            alone = re.match(INSTEAD_OF_INSTANCE, command.text)
            place = machine.without_instance() if alone else contextlib.nullcontext()
            with collected(faults), place:
                count += judge(command, known)
                run_command(shell, command)
        shell.close()
        for block in page.blocks:
            with collected(faults):
                checked.check(block)
    require(not faults, "\n".join(faults))
    require(machine.systemctl("is-active") == 0, "the instance has ended")
    blocks = ", ".join(f"{number} of {kind}" for kind, number in sorted(checked.counts.items()))
    note(f"{count} commands of downlinkd were run on {len(pages)} pages; blocks: {blocks}")


@contextlib.contextmanager
def collected(faults):
    """All faults of the pages are told at once."""
    try:
        yield
    except Failure as reason:
        faults.append(str(reason))


def run_tutorial(folder, page, known):
    home = folder / "home"
    home.mkdir()
    shell = world.Shell(home, world.programs(folder / "bin", NOT_RUN))
    count = 0
    for command in page.commands():
        count += judge(command, known)
        is_look = re.match(LOOKS, command.text, re.S)
        # What is typed by hand comes a moment later.
        time.sleep(0.2)
        run_command(shell, command, looks_again=bool(is_look))
    shell.close()
    require(count > 5, f"{page.path}: only {count} commands of downlinkd")
    note(f"{page.path}: {count} commands of downlinkd, one after the other")


def run_inside(folder, names):
    """The part that runs in namespaces: this file again, with --inside."""
    world.enter(folder)
    all_pages = documents.pages()
    chosen = [all_pages[name] for name in names]
    known = program.actions()
    if len(chosen) == 1 and chosen[0].path in TUTORIALS:
        run_tutorial(folder, chosen[0], known)
    else:
        run_standing(folder, chosen, known)


# ---- the whole


def run_machines(pages, is_kept):
    """Each tutorial and all other pages at the same time, on machines of their own."""
    lone = TUTORIALS | LOST
    groups = [[name] for name in pages if name in lone]
    groups.append([name for name in pages if name not in lone])
    machines = []
    for names in filter(None, groups):
        folder = Path(tempfile.mkdtemp(prefix="downlink-docs-"))
        log = open(f"{folder}.log", "w+", encoding="utf-8")
        command = world.inside([HERE / "docs_commands.py", "--inside", folder, *names])
        machines.append((folder, log, subprocess.Popen(command, stdout=log, stderr=log)))
    failed = False
    for folder, log, process in machines:
        code = process.wait(1_200)
        log.seek(0)
        print(log.read(), end="", flush=True)
        log.close()
        failed |= code != 0
        if not is_kept:
            Path(f"{folder}.log").unlink()
            shutil.rmtree(folder, ignore_errors=True)
    require(not failed, "see above")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-options", action="store_true", help="tables of docs/CLI.md")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    parser.add_argument("--text", action="store_true", help="run nothing")
    parser.add_argument("pages", nargs="*", help="only these")
    arguments = parser.parse_args()
    try:
        binary()
        if arguments.inside:
            run_inside(arguments.inside, arguments.pages)
            return
        known = program.actions()
        if arguments.write_options:
            path = CHECKOUT / program.CLI_PAGE
            path.write_text(program.with_tables(path.read_text(encoding="utf-8"), known))
        pages = documents.pages()
        check_text(pages, known)
        if not arguments.text:
            world.require_namespaces()
            run_machines(arguments.pages or list(pages), arguments.keep)
    except (Failure, ValueError) as reason:
        sys.exit(f"docs: FAILED: {reason}")
    if not arguments.inside:
        print("docs: passed")


if __name__ == "__main__":
    os.chdir(CHECKOUT)
    main()
