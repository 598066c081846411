"""What the program itself says of its commands (`--experimental-dump-help`), and docs/CLI.md, which
must say the same.
"""

import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field

from harness import Failure, binary, require

CLI_PAGE = "docs/CLI.md"
# Every command has these; the page says so once.
COMMON = {"--help", "-h", "--version"}


@dataclass
class Option:
    names: list
    value: str
    is_required: bool
    is_positional: bool
    abstract: str
    default: str

    @property
    def cell(self):
        """As a table of the page spells it."""
        if self.is_positional:
            return f"`{self.value}`"
        names = ", ".join(f"`{name}`" for name in self.names[:-1])
        last = f"`{self.names[-1]}{f' {self.value}' if self.value else ''}`"
        return f"{names}, {last}" if names else last

    @property
    def meaning(self):
        text = " ".join(self.abstract.split()).replace("|", "\\|")
        if self.default and "default:" not in text:
            text = f"{text} Default: `{self.default}`."
        return f"{text} Required." if self.is_required else text


@dataclass
class Action:
    """A command without commands below it."""

    words: tuple
    abstract: str
    discussion: str
    options: list = field(default_factory=list)

    @property
    def name(self):
        return " ".join(["downlinkd", *self.words])

    def option(self, name):
        for option in self.options:
            if name in option.names:
                return option
        return None

    @property
    def exit_codes(self):
        """The codes that its help names; empty where it names none."""
        said = re.search(r"Exit codes?:?(.*)", f"{self.abstract}\n{self.discussion}", re.S)
        return set(re.findall(r"(?:^|[ ,(:])(\d{1,2}) (?=[a-z])", said[1])) if said else set()


def actions():
    """{words: Action} of the program, without `help`."""
    done = subprocess.run(
        [binary(), "--experimental-dump-help"], capture_output=True, text=True, timeout=30
    )
    require(done.returncode == 0, f"--experimental-dump-help: {done.stderr}")
    found = {}
    collect(json.loads(done.stdout)["command"], (), found)
    return found


def collect(command, words, found):
    below = [one for one in command.get("subcommands", []) if one["commandName"] != "help"]
    for child in below:
        if child["shouldDisplay"]:
            collect(child, (*words, child["commandName"]), found)
    if below:
        return
    action = Action(words, command.get("abstract", ""), command.get("discussion", ""))
    for argument in command.get("arguments", []):
        if not argument["shouldDisplay"]:
            continue
        option = option_of(argument)
        if not COMMON & set(option.names):
            action.options.append(option)
    found[words] = action


def option_of(argument):
    names = [
        ("--" if one["kind"] == "long" else "-") + one["name"] for one in argument.get("names", [])
    ]
    is_flag = argument["kind"] == "flag"
    value = "" if is_flag else argument.get("valueName", "value")
    if value and re.fullmatch(r"[\w-]+", value):
        value = f"<{value}>"
    default = "" if is_flag else argument.get("defaultValue") or ""
    return Option(
        names, value, not argument["isOptional"] and not default,
        argument["kind"] == "positional", argument.get("abstract", ""), default,
    )  # fmt: skip


# ---- calls in the pages


def parsed_call(words, known):
    """(action, is complete) of the words behind `downlinkd`. Raises Failure where the program has
    no such command or option."""
    for length in range(len(words), 0, -1):
        action = known.get(tuple(words[:length]))
        if action:
            break
    else:
        if not words or words[0] in ("--version", "--help", "help", "--experimental-dump-help"):
            return None, bool(words)
        groups = {one[: len(words)] for one in known}
        if tuple(words) in groups:
            return None, False
        raise Failure(f"there is no command `downlinkd {' '.join(words)}`")
    rest, given, positionals = words[length:], set(), 0
    at = 0
    while at < len(rest):
        word, _, attached = rest[at].partition("=")
        at += 1
        if word in COMMON:
            return action, True
        if not word.startswith("-") or word == "-":
            positionals += 1
            continue
        option = action.option(word)
        if option is None:
            raise Failure(f"`{action.name}` has no option {word}")
        given.add(option.names[0])
        if option.value and not attached:
            if at == len(rest):
                return action, False
            at += 1
    missing = [
        one for one in action.options
        if one.is_required and not one.is_positional and one.names[0] not in given
    ]  # fmt: skip
    wanted = sum(one.is_positional and one.is_required for one in action.options)
    require(
        positionals == 0 or any(one.is_positional for one in action.options),
        f"`{action.name}` takes no argument like {rest}",
    )
    return action, not missing and positionals >= wanted


def words_of(text):
    try:
        return shlex.split(text)
    except ValueError as reason:
        raise Failure(f"`{text}`: {reason}") from None


# ---- the reference


def table_of(action):
    """The rows of a command's options in the page."""
    if not action.options:
        return []
    rows = [f"| {option.cell} | {option.meaning} |" for option in action.options]
    return ["| Option | Meaning |", "| --- | --- |", *rows]


def sections(lines):
    """{words: (first line of the section's body, one past its last)} by the page's headings."""
    found, current = {}, None
    for number, line in enumerate([*lines, "## "]):
        heading = re.match(r"#{2,3} (.*)", line)
        if not heading:
            continue
        if current:
            found[current[0]] = (current[1], number)
        name = re.fullmatch(r"`?downlinkd ([a-z -]+?)`?", heading[1])
        current = (tuple(name[1].split()), number + 1) if name else None
    return found


def with_tables(text, known):
    """The page with the tables of options as the program has them; where a section has none yet, at
    its end."""
    lines = text.splitlines()
    for words, (first, end) in sorted(sections(lines).items(), key=lambda one: -one[1][0]):
        if words not in known:
            continue
        body = lines[first:end]
        starts = [at for at, line in enumerate(body) if line == "| Option | Meaning |"]
        table = table_of(known[words])
        if starts:
            stop = starts[0]
            while stop < len(body) and body[stop].startswith("|"):
                stop += 1
            body[starts[0] : stop] = table
        elif table:
            while body and not body[-1].strip():
                body.pop()
            body += ["", *table, ""]
        lines[first:end] = body
    return "\n".join(lines) + "\n"


def check_reference(text, known):
    """The page against the program, both ways."""
    lines = text.splitlines()
    found = sections(lines)
    for words, action in known.items():
        require(words in found, f"{CLI_PAGE}: no section `## {action.name}`")
        first, end = found[words]
        body = lines[first:end]
        for row in table_of(action):
            require(row in body, f"{CLI_PAGE}: {action.name}: no row {row!r}; {REFRESH}")
        rows = {line for line in body if re.match(r"\| `-", line)}
        extra = rows - set(table_of(action))
        require(not extra, f"{CLI_PAGE}: {action.name}: the program has no {extra}; {REFRESH}")
        check_codes(action, "\n".join(body))
    for words in found:
        require(words in known, f"{CLI_PAGE}: the program has no `downlinkd {' '.join(words)}`")


REFRESH = "docs_commands.py --write-options writes the tables anew"


def check_codes(action, body):
    said = re.search(r"Exit codes?: (.*?)(?:\n\n|$)", body, re.S)
    require(said, f"{CLI_PAGE}: {action.name}: no line `Exit codes: …`")
    codes = set(re.findall(r"(?<![\d-])(\d{1,2})(?= [a-z(])", said[1]))
    require(codes, f"{CLI_PAGE}: {action.name}: no exit code in {said[1]!r}")
    missing = action.exit_codes - codes
    require(not missing, f"{CLI_PAGE}: {action.name}: its help names exit codes {missing}, too")
