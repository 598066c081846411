"""Our Markdown as the test reads it: fenced blocks, the commands and outputs in them, inline code,
links and anchors.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
SHELL = {"sh", "bash", "console"}


@dataclass
class Block:
    """A fenced block; `line` is that of its first line of content, from 1."""

    page: str
    line: int
    language: str
    lines: list

    @property
    def place(self):
        return f"{self.page}:{self.line}"

    @property
    def text(self):
        return "\n".join(self.lines) + "\n"


@dataclass
class Command:
    """One complete command of a shell, as it stands in a page, and what the page shows of it."""

    page: str
    line: int
    text: str
    # Lines that a console block has below it; None where the page shows nothing.
    output: list = None

    @property
    def place(self):
        return f"{self.page}:{self.line}"


@dataclass
class Page:
    path: str
    blocks: list = field(default_factory=list)
    # (line, text between single backticks)
    inline: list = field(default_factory=list)
    # (line, target)
    links: list = field(default_factory=list)
    anchors: set = field(default_factory=set)

    def commands(self):
        """Every command of its shell blocks, in their order."""
        for block in self.blocks:
            if block.language == "console":
                yield from console_commands(block)
            elif block.language in SHELL:
                yield from shell_commands(block)


def pages():
    """Every page that people read, by its path in the checkout."""
    paths = [CHECKOUT / "README.md"]
    for folder in ("docs", "deploy"):
        paths += CHECKOUT.glob(f"{folder}/**/*.md")
    return {str(path.relative_to(CHECKOUT)): read(path) for path in sorted(paths)}


def read(path):
    page = Page(str(path.relative_to(CHECKOUT)))
    block, fence, prose = None, "", []
    slugs = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        opening = re.match(r" *(```+)\s*(\w*)", line)
        if block is None and opening:
            fence = line[: len(line) - len(line.lstrip())]
            block = Block(page.path, number + 1, opening[2], [])
        elif block is not None and line.strip() == "```":
            page.blocks.append(block)
            block = None
        elif block is not None:
            block.lines.append(line.removeprefix(fence))
        else:
            heading = re.match(r"#{1,6} +(.*?) *#*$", line)
            if heading:
                page.anchors.add(slug(heading[1], slugs))
            page.anchors.update(re.findall(r'<a (?:id|name)="([^"]+)"', line))
            prose.append((number, line))
    if block is not None:
        raise ValueError(f"{block.place}: a fence that nothing closes")
    read_prose(page, prose)
    return page


def read_prose(page, prose):
    """Inline code and links, also those that go on in the next line."""
    text, starts = "", []
    for number, line in prose:
        starts.append((len(text), number))
        # An empty line ends a paragraph: a backtick does not reach over it.
        text += line + "\n"

    def line_at(position):
        return max((start, number) for start, number in starts if start <= position)[1]

    for found in re.finditer(r"(?<!`)`([^`]+?)`(?!`)", text):
        if "\n\n" not in found[1]:
            page.inline.append((line_at(found.start()), " ".join(found[1].split())))
    bare = re.sub(r"`[^`\n]*`", lambda one: "x" * len(one[0]), text)
    for found in re.finditer(r"\]\(\s*<?([^)\s>]+)>?\s*\)", bare):
        page.links.append((line_at(found.start()), found[1]))


def slug(heading, taken):
    """The anchor that GitHub gives a heading."""
    bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
    name = re.sub(r"[^\w\- ]", "", bare.lower()).replace(" ", "-")
    count = taken.get(name, 0)
    taken[name] = count + 1
    return f"{name}-{count}" if count else name


# ---- commands


def is_complete(text):
    """Whether bash would begin to run it: no open quote, here-document or continued line."""
    if re.search(r"(?<!\\)(\\\\)*\\$", text):
        return False
    done = subprocess.run(
        ["bash", "-n", "-c", text], capture_output=True, text=True, timeout=10,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )  # fmt: skip
    return done.returncode == 0 and "here-document" not in done.stderr


def shell_commands(block):
    pending, start = [], 0
    for number, line in enumerate(block.lines, block.line):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            continue
        if not pending:
            start = number
        pending.append(line)
        if is_complete("\n".join(pending)):
            yield Command(block.page, start, "\n".join(pending))
            pending = []
    if pending:
        raise ValueError(f"{block.page}:{start}: bash cannot read this command")


def console_commands(block):
    """`$ ` begins a command, `> ` continues it; what follows is its output."""
    command = None
    for number, line in enumerate(block.lines, block.line):
        if line.startswith("$ "):
            if command:
                yield command
            command = Command(block.page, number, line[2:], [])
        elif command is None:
            raise ValueError(f"{block.page}:{number}: a console block begins with `$ command`")
        elif line.startswith("> ") and not command.output and not is_complete(command.text):
            command.text += "\n" + line[2:]
        else:
            command.output.append(line)
    if command:
        yield command


# ---- outputs

# Thousands are divided by commas or by spaces that do not break.
FIGURE = r"[-+−]?\d[\d,.:\u00a0\u2009\u202f]*(?:T[\d:.]+Z?)?(?:[eE][-+]?\d+)?(?:-\d[\d:.T]*Z?)*"
UNIT = r"(?: ?(?:[kKMGT]i?B|B|ms|us|ns|s|min|h|m|d|%)\b)?"


def shape(line):
    """A line without what differs from run to run: figures and their units, ids, boxes."""
    line = re.sub(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "#", line)
    line = re.sub(r"\b(?=\w*\d)[0-9a-f]{8,}\b", "#", line)
    line = re.sub(r"[─┌┐└┘├┤┬┴┼═╞╡-]{3,}", "─", line)
    line = re.sub(FIGURE + UNIT, "#", line)
    # One file, two files.
    line = re.sub(r"# ([a-z]+)ies\b", r"# \1y", line)
    line = re.sub(r"# ([a-z]+?)s\b", r"# \1", line)
    return " ".join(line.split())


def shows(documented, real):
    """The first line of a page that is not the real one, but for its figures, or None: in their
    order, `…` for any part of a line or, alone, for any lines."""
    shapes = [shape(line) for line in real]
    at, may_skip = 0, False
    for line in documented:
        if line.strip() in ("…", "..."):
            may_skip = True
            continue
        if not line.strip():
            continue
        pattern = re.compile(re.escape(shape(line)).replace("…", ".*"))
        while at < len(shapes) and not pattern.fullmatch(shapes[at]):
            if shapes[at] and not may_skip:
                return line
            at += 1
        if at == len(shapes):
            return line
        at, may_skip = at + 1, False
    if not may_skip and any(shapes[at:]):
        return f"(more is printed than is shown: {real[at]!r})"
    return None
