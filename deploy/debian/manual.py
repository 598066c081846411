#!/usr/bin/env python3
"""Writes the manual pages from the same text that the program and its documentation have.

    downlinkd --experimental-dump-help | manual.py [--date DATE] downlinkd.8
    manual.py [--date DATE] downlinkd.yaml.5 <docs/CONFIG.md

A date is shown as it is; @SECONDS are since 1970.

The first is made of what the argument parser knows, the second of the configuration's reference;
what only a manual has (files, signals, exit codes in a table) stands below. Output is man(7).
"""

import argparse
import json
import re
import sys
import textwrap
import time

EXIT_CODES = [
    (0, "Done, or stopped as asked."),
    (64, "Wrong usage."),
    (65, "<verify> has findings."),
    (69, "A fault of the world; the log says which. What was committed is whole."),
    (74, "It did not progress for longer than a limit and ended itself; the log says what did not"
         " move. What was committed is whole."),
    (75, "Stopped in order before its goal was reached, or not ready (<status>)."),
    (78, "The configuration does not fit; nothing was started."),
]  # fmt: skip
SIGNALS = [
    ("SIGTERM, SIGINT", "A last commit, the group is left, exit 0; some seconds at most."),
    ("SIGHUP", "The configuration is read again and taken over whole, or refused with every"
               " reason; sources that a flood of dead letters has paused are tried again."),
    ("SIGKILL", "Nothing is lost or doubled; the next start recovers."),
]  # fmt: skip
FILES = [
    ("/etc/downlinkd/downlinkd.yaml", "The configuration of <downlinkd.service>."),
    ("/etc/downlinkd/<name>.yaml", "That of the instance <downlinkd@name.service>."),
    ("/etc/credstore/downlinkd.kafka-password",
     "A secret that the unit hands over, as <credential:kafka-password>."
     " Others: <kafka-key>, <registry-password>, <http-key>, <http-token>; of an instance"
     " <downlinkd@name.kafka-password>."),
    ("/run/downlinkd/<pipeline>.sock",
     "The admin socket of a pipeline that runs, for root and the group <downlinkd>."),
    ("/var/lib/downlinkd", "Ledger, state and tables, where <storage.root> says nothing else."),
    ("/usr/share/doc/downlinkd/docs", "Everything else: operating, metrics, tables."),
]  # fmt: skip
ENVIRONMENT = [
    ("NOTIFY_SOCKET, WATCHDOG_USEC", "Set by <systemd>(1): who is told that it is ready, what it"
                                     " does, that it progresses, and how often."),
    ("JOURNAL_STREAM", "Set by <systemd>(1): log lines become entries with fields."),
    ("Any other", "May be referred to in the configuration as <${NAME}>."),
]  # fmt: skip


# ---- man(7)

BULLET = "\\(bu"


def escape(text):
    """Text that troff shows as it is. `-` stays a hyphen-minus, to be copied from the screen."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace("'", "\\(aq")
    # The terminal has them all, but groff of Debian 12 wants them by number.
    text = re.sub(r"[^\x00-\x7f]", lambda one: f"\\[u{ord(one[0]):04X}]", text)
    return text


def line(text):
    """A line of text: never taken for a request."""
    return "\\&" + text if text.startswith((".", "'")) else text


def angled(text):
    """Our own texts above: <x> is bold."""
    parts = re.split(r"<([^<>]+)>", text)
    return "".join(
        f"\\fB{escape(part)}\\fR" if odd % 2 else escape(part) for odd, part in enumerate(parts))


def markdown(text):
    """Inline Markdown: code is bold, emphasis is italic, links are their text."""
    out = []
    for part in re.split(r"(`[^`]+`)", text):
        if part.startswith("`"):
            out.append(f"\\fB{escape(part[1:-1])}\\fR")
            continue
        part = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", part)
        for piece in re.split(r"(\*\*[^*]+\*\*|\*[^*\s][^*]*\*)", part):
            bare = piece.strip("*")
            out.append(f"\\fI{escape(bare)}\\fR" if piece != bare and bare else escape(piece))
    return "".join(out)


class Page:
    """Lines of a manual page."""

    def __init__(self, name, section, date, title):
        self.lines = [
            f'.TH "{name}" "{section}" "{date}" "downlink" "{title}"',
            ".nh", ".ad l",
        ]  # fmt: skip

    def request(self, name, text):
        quoted = text.replace('"', "\\(dq")
        self.lines.append(f'.{name} "{quoted}"')

    def section(self, title):
        self.request("SH", escape(title.upper()))

    def paragraph(self, text):
        self.lines += [".PP", line(text)]

    def tagged(self, tag, *texts):
        """A term and what it means; further texts are paragraphs of it."""
        self.lines += [".TP", line(tag)]
        for index, text in enumerate(texts):
            self.lines += ([".IP"] if index else []) + [line(text)]

    def listing(self, lines):
        self.lines += [".PP", ".RS 4", ".EX"]
        self.lines += [line(escape(one)) if one else "" for one in lines]
        self.lines += [".EE", ".RE"]

    def text(self):
        return "\n".join(self.lines) + "\n"


# ---- downlinkd(8)


def synopsis_of(argument):
    """`[--limit <limit>]`, as the program's own usage has it."""
    name = spelled(argument)
    if argument["isRepeating"]:
        name += " ..."
    return f"[{name}]" if argument["isOptional"] else name


def spelled(argument):
    value = f"<{argument.get('valueName', 'value')}>"
    if argument["kind"] == "positional":
        return value
    preferred = argument["preferredName"]
    name = ("--" if preferred["kind"] == "long" else "-") + preferred["name"]
    return name if argument["kind"] == "flag" else f"{name} {value}"


def shown(arguments):
    """Without what every command has."""
    return [
        one for one in arguments
        if one["shouldDisplay"] and one.get("preferredName", {}).get("name") not in
        ("help", "version")
    ]  # fmt: skip


def commands_below(command, path=()):
    """(words, command) of every command below one, groups of commands before what is in them."""
    for child in command.get("subcommands", []):
        if child["shouldDisplay"] and child["commandName"] != "help":
            words = (*path, child["commandName"])
            yield words, child
            yield from commands_below(child, words)


def program_page(dump, date):
    root = dump["command"]
    page = Page("DOWNLINKD", "8", date, "System administration")
    page.section("Name")
    page.lines.append(f"downlinkd \\- {escape(root['abstract'].rstrip('.'))}")
    page.section("Synopsis")
    for path, command in commands_below(root):
        if command.get("subcommands"):
            continue
        words = "\\fB" + escape(" ".join(["downlinkd", *path])) + "\\fR"
        rest = " ".join(escape(synopsis_of(one)) for one in shown(command.get("arguments", [])))
        page.lines += [line(f"{words} {rest}".rstrip()), ".br"]
    page.section("Description")
    page.paragraph(angled(
        "<downlinkd> reads telemetry from Kafka, decodes Protobuf, aggregates each device's"
        " metrics in sliding event-time windows, finds anomalies, and writes everything as Delta"
        " tables on Parquet, exactly once. Its configuration is described in"
        " <downlinkd.yaml>(5)."))
    page.section("Commands")
    for path, command in commands_below(root):
        page.request("SS", escape(" ".join(path)))
        page.lines.append(line(escape(command["abstract"])))
        for paragraph in command.get("discussion", "").split("\n\n"):
            if paragraph:
                page.paragraph(escape(" ".join(paragraph.split())))
        for one in shown(command.get("arguments", [])):
            about = one.get("abstract", "")
            if one.get("defaultValue") and "default:" not in about:
                about = f"{about} (default: {one['defaultValue']})".strip()
            if one.get("allValues"):
                about = f"{about} One of: {', '.join(one['allValues'])}.".strip()
            page.tagged(f"\\fB{escape(spelled(one))}\\fR", escape(about))
    page.section("Exit status")
    for code, meaning in EXIT_CODES:
        page.tagged(f"\\fB{code}\\fR", angled(meaning))
    for title, rows in (("Signals", SIGNALS), ("Environment", ENVIRONMENT), ("Files", FILES)):
        page.section(title)
        for name, meaning in rows:
            page.tagged(f"\\fB{escape(name)}\\fR", angled(meaning))
    page.section("Examples")
    page.listing(textwrap.dedent("""\
        downlinkd check --config /etc/downlinkd/downlinkd.yaml
        systemctl enable --now downlinkd
        systemctl reload downlinkd
        downlinkd reload --config /etc/downlinkd/downlinkd.yaml
        downlinkd status
        journalctl -u downlinkd EVENT=committed""").splitlines())
    page.section("See also")
    page.lines.append(angled("<downlinkd.yaml>(5), <systemctl>(1), <journalctl>(1)"))
    return page.text()


# ---- downlinkd.yaml(5)


def cells_of(row):
    """A `|` behind a backslash belongs to the cell."""
    cells = re.split(r"(?<!\\)\|", row.strip().strip("|"))
    return [cell.strip().replace("\\|", "|") for cell in cells]


def table(page, rows):
    """The first column is the term; what it means comes last, what it may be in between."""
    titles = cells_of(rows[0])
    for row in rows[2:]:
        cells = cells_of(row)
        texts = [labelled(*one) for one in zip(titles[1:-1], cells[1:-1], strict=True) if one[1]]
        texts = [" ".join(texts)] if texts else []
        section = re.fullmatch(r"\[([^\]]+)\]\(#[^)]*\)", cells[-1])
        if section:
            texts.append(f"See {markdown(section[1])} below.")
        elif cells[-1]:
            texts.append(markdown(cells[-1]))
        page.tagged(markdown(cells[0]), *texts)


def labelled(title, cell):
    """A cell as a sentence, with the name of its column where it does not speak for itself."""
    sentence = cell if title in ("Type, range", "Form") else f"{title}: {cell}"
    return markdown(sentence if sentence.endswith(".") else sentence + ".")


def config_page(text, date):
    page = Page("DOWNLINKD.YAML", "5", date, "File formats")
    page.section("Name")
    page.lines.append("downlinkd.yaml \\- " + escape("the configuration of downlinkd"))
    page.section("Description")
    blocks = re.split(r"\n{2,}", text.strip())
    index = 0
    while index < len(blocks):
        block = blocks[index]
        index += 1
        if block.startswith("```"):
            # A listing may have empty lines in it.
            while not block.rstrip().endswith("```") or block.count("```") < 2:
                block += "\n\n" + blocks[index]
                index += 1
            page.listing(block.split("\n")[1:-1])
            continue
        heading = re.match(r"(#+) (.*)", block)
        if heading:
            level, title = len(heading[1]), heading[2].split("\n")[0]
            if level == 2:
                page.section(title)
            elif level > 2:
                page.request("SS", escape(title))
            rest = block.split("\n", 1)[1:]
            if rest:
                blocks.insert(index, rest[0])
        elif block.startswith("|"):
            table(page, block.split("\n"))
        elif re.match(r"(- |\d+\. )", block):
            for item in re.split(r"\n(?=- |\d+\. )", block):
                mark, words = item.split(" ", 1)
                page.lines.append(f".IP {mark if mark != '-' else BULLET} 3")
                page.lines.append(line(markdown(" ".join(words.split()))))
        elif block.startswith("    "):
            page.listing(textwrap.dedent(block).split("\n"))
        else:
            page.paragraph(markdown(" ".join(block.split())))
    page.section("See also")
    page.lines.append(angled("<downlinkd>(8)"))
    return page.text()


def date_of(text):
    if text.startswith("@"):
        return time.strftime("%Y-%m-%d", time.gmtime(int(text[1:])))
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--date", default="", type=date_of)
    parser.add_argument("page", choices=["downlinkd.8", "downlinkd.yaml.5"])
    arguments = parser.parse_args()
    text = sys.stdin.read()
    if arguments.page == "downlinkd.8":
        sys.stdout.write(program_page(json.loads(text), arguments.date))
    else:
        sys.stdout.write(config_page(text, arguments.date))


if __name__ == "__main__":
    main()
