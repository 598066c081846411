"""The checks of the pages, tried on texts that they must refuse: a check that cannot fail proves
nothing. Needs no program.
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "blackbox")]

import docs_commands
import documents
import program
from harness import Failure

CHECK = program.Action(
    ("check",), "Check.", "Exit codes: 0 it fits, 78 it does not.",
    [
        program.Option(["--config"], "<file>", True, False, "The file.", ""),
        program.Option(["--quick"], "", False, False, "Sizes only.", ""),
    ],
)  # fmt: skip
KNOWN = {("check",): CHECK}
REFERENCE = """\
## `downlinkd check`

Exit codes: 0 it fits; 78 it does not.

| Option | Meaning |
| --- | --- |
| `--config <file>` | The file. Required. |
| `--quick` | Sizes only. |
"""


def refuses(what, action, *arguments):
    try:
        action(*arguments)
    except (Failure, ValueError):
        return
    sys.exit(f"docs self-test: {what} is not refused")


def same(what, found, expected):
    if found != expected:
        sys.exit(f"docs self-test: {what}: {found!r}, not {expected!r}")


def outputs():
    real = ["ready: 4 partitions, 0 records behind", "", "last commit  9.6 s ago, 260.5 KiB"]
    for shown in (
        ["ready: 12 partitions, 7 records behind", "last commit 110 ms ago, 1 MB"],
        ["…", "last commit 1 s ago, 1 kB"],
        ["ready: 1 partition, …", "…"],
    ):
        same(shown, documents.shows(shown, real), None)
    for shown in (
        ["ready: 4 partitions, 0 records behind"],
        ["last commit 1 s ago, 1 kB"],
        ["ready: 4 partitions, 0 readings behind", "…"],
        ["…", "last commit 1 s ago, 1 kB", "ready: 4 partitions, 0 records behind"],
    ):
        if documents.shows(shown, real) is None:
            sys.exit(f"docs self-test: {shown} passes for {real}")


def commands():
    def judged(text):
        return docs_commands.judge(documents.Command("page", 1, text), KNOWN)

    same("a call", judged("sudo A=1 downlinkd check --config x 2>log  # rm -rf; or so"), True)
    same("a call as a user", judged("sudo -u downlinkd downlinkd check --config x"), True)
    same("no call", judged("cat x | grep y && cd z"), False)
    same("a call inside", judged('echo "$(downlinkd check --config x)"'), True)
    refuses("an unknown program", judged, "cat x | frobnicate")
    refuses("an unknown program behind a call", judged, "downlinkd check --config x; frobnicate")
    refuses("an unknown command", judged, "downlinkd chekc --config x")
    refuses("an unknown option", judged, "downlinkd check --confgi x")
    refuses("an argument too many", judged, "downlinkd check [--quick]")
    whole = [program.parsed_call(words.split(), KNOWN)[1]
             for words in ("check", "check --config", "check --config x")]  # fmt: skip
    same("whole commands", whole, [False, False, True])


def pages():
    with tempfile.TemporaryDirectory(dir=documents.CHECKOUT) as folder:
        path = Path(folder) / "page.md"

        def read(text):
            path.write_text(text, encoding="utf-8")
            return documents.read(path)

        page = read(
            "# A `b`: c\n\n```sh\ncat <<'E' \\\n  >x\nbody # no comment\nE\n# a remark\nls\n```\n"
        )
        same("anchors", page.anchors, {"a-b-c"})
        texts = [one.text for one in page.commands()]
        same("commands", texts, ["cat <<'E' \\\n  >x\nbody # no comment\nE", "ls"])
        page = read("```console\n$ echo \\\n>   a\na\n$ true\n```\n")
        found = [(one.text, one.output) for one in page.commands()]
        same("a session", found, [("echo \\\n  a", ["a"]), ("true", [])])
        refuses("a command that has no end", lambda: list(read("```sh\necho 'a\n```\n").commands()))
        refuses("a fence that has no end", read, "```sh\necho\n")


def reference():
    program.check_reference(REFERENCE, KNOWN)
    for what, text in {
        "an option that is missing": REFERENCE.replace("| `--quick` | Sizes only. |\n", ""),
        "an option that is too many": REFERENCE + "| `--slow` | No. |\n",
        "another meaning": REFERENCE.replace("Sizes", "Names"),
        "a code that is missing": REFERENCE.replace("; 78 it does not", ""),
        "a command that is missing": REFERENCE.replace("downlinkd check", "downlinkd chekc"),
    }.items():
        refuses(what, program.check_reference, text, KNOWN)
    spoiled = REFERENCE.replace("Sizes", "Names")
    same("tables written anew", program.with_tables(spoiled, KNOWN), REFERENCE)


def main():
    outputs()
    commands()
    pages()
    reference()
    print("docs self-test passed")


if __name__ == "__main__":
    main()
