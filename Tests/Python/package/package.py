"""The Debian package, without installing it: lintian, manuals, completions, the same bytes twice.

    package.py --deb FILE --program FILE

The package is the one that `make deb` has made of the program.
"""

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "blackbox"))

from harness import Failure, require

CHECKOUT = Path(__file__).resolve().parents[3]
PAGES = {"downlinkd": 8, "downlinkd.yaml": 5}


def call(*command, environment=None, text=None, seconds=300):
    """(exit code, what it said, both streams)"""
    done = subprocess.run(
        list(map(str, command)), input=text or "", stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=seconds,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    return done.returncode, done.stdout


def succeed(*command, **options):
    code, said = call(*command, **options)
    require(code == 0, f"{command[0]} ended with {code}:\n{said}")
    return said


def lintian(deb):
    """Not one tag that is not overridden with a reason, and no override without its tag."""
    require(shutil.which("lintian"), "lintian is missing: run make setup-package-tests")
    code, said = call(
        "lintian", "--pedantic", "--display-info", "--tag-display-limit=0",
        "--fail-on=error,warning,info,pedantic", deb,
    )  # fmt: skip
    tags = [line for line in said.splitlines() if re.match(r"[EWIP]: ", line)]
    require(code == 0 and not tags, f"lintian ended with {code}:\n{said}")
    print("  lintian: no tags", flush=True)


def same_bytes(deb, program, folder):
    """A package made again is the same, byte for byte."""
    # Uncompressed: what is compressed the same way is the same, too.
    environment = {"DEB_COMPRESSION": "-Znone"}
    made = []
    for name in ("one", "two"):
        succeed(
            CHECKOUT / "deploy/debian/build", program, folder / name, environment=environment)
        (path,) = (folder / name).glob("*.deb")
        require(path.name == deb.name, f"{path.name} is not {deb.name}")
        made.append(path.read_bytes())
    require(made[0] == made[1], "two packages of one program differ")
    print("  the same bytes twice", flush=True)


def rendered(page):
    """A manual page as text on one wide screen; what troff warns of is a fault."""
    require(shutil.which("man"), "man is missing: run make setup-package-tests")
    done = subprocess.run(
        ["man", "--warnings=w", "--encoding=UTF-8", "--local-file", page],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "MANWIDTH": "400", "LC_ALL": "C.UTF-8"}, timeout=60,
    )  # fmt: skip
    require(done.returncode == 0 and not done.stderr, f"{page.name}: {done.stderr[:500]}")
    said = done.stdout
    return re.sub(r".\x08", "", said)


def manual_pages(tree, program):
    texts = {}
    for name, section in PAGES.items():
        page = tree / f"usr/share/man/man{section}/{name}.{section}.gz"
        require(gzip.decompress(page.read_bytes()).startswith(b".TH"), f"{page} is no page")
        texts[name] = rendered(page)
    dump = json.loads(succeed(program, "--experimental-dump-help"))
    commands = 0
    for command in dump["command"]["subcommands"]:
        if command["commandName"] == "help" or not command["shouldDisplay"]:
            continue
        commands += 1
        name = f"downlinkd {command['commandName']}"
        require(name in texts["downlinkd"], f"downlinkd(8) has no `{name}`")
        require(command["abstract"] in texts["downlinkd"], f"downlinkd(8): not what {name} is")
    keys = re.findall(r"(?m)^\| (`[^|]*?`) \|", (CHECKOUT / "docs/CONFIG.md").read_text())
    keys = [key for cell in keys for key in re.findall(r"`([^`]+)`", cell)]
    require(len(keys) > 80, f"CONFIG.md has only {len(keys)} keys")
    for key in keys:
        require(key in texts["downlinkd.yaml"], f"downlinkd.yaml(5) has no {key}")
    print(f"  manual: {commands} commands, {len(keys)} keys, no warnings", flush=True)


def completions(tree):
    """Shells that are here must be able to read theirs."""
    read = []
    for shell, path in (
        ("bash", "bash-completion/completions/downlinkd"),
        ("zsh", "zsh/vendor-completions/_downlinkd"),
        ("fish", "fish/vendor_completions.d/downlinkd.fish"),
    ):
        file = tree / "usr/share" / path
        require("downlinkd" in file.read_text(), f"{file} is not for downlinkd")
        require(not file.read_text().startswith("#!"), f"{file} is not a program")
        if shutil.which(shell):
            succeed(shell, "-n", file)
            read.append(shell)
    print(f"  completions: read by {', '.join(read)}", flush=True)


def contents(tree, deb):
    """Nothing of the machine that made it, nothing that a package may not bring."""
    fields = succeed("dpkg-deb", "--field", deb)
    for word in ("librdkafka1", "libprotobuf-c1", "libcurl4", "libzstd1", "libsystemd0"):
        require(word in fields, f"{word} is not among the dependencies")
    libraries = succeed("ldd", tree / "usr/bin/downlinkd")
    require("swift" not in libraries, f"Swift's libraries are outside:\n{libraries}")
    sections = succeed("readelf", "--section-headers", "--wide", tree / "usr/bin/downlinkd")
    require(" .symtab " not in sections, "the program is not stripped")
    unit = (tree / "usr/lib/systemd/system/downlinkd.service").read_text()
    require("/usr/bin/downlinkd run" in unit, "the unit starts another program")
    require("/usr/local" not in unit, "the unit speaks of /usr/local")
    conffiles = succeed("dpkg-deb", "--info", deb, "conffiles").split()
    require(conffiles == ["/etc/downlinkd/downlinkd.yaml"], f"conffiles: {conffiles}")
    config = (tree / "etc/downlinkd/downlinkd.yaml").read_text()
    require("root: /var/lib/downlinkd" in config, "the example keeps its tables elsewhere")
    schema = config.splitlines()[0].partition("$schema=/")[2]
    require(schema and (tree / schema).is_file(), f"there is no schema at /{schema}")
    examples = tree / "usr/share/doc/downlinkd/examples"
    require((examples / "downlinkd.schema.json").is_file(), "the example has no schema beside it")
    require((examples / "tests/battery.yaml").is_file(), "the example has no tests beside it")
    for script in ("postinst", "prerm", "postrm"):
        text = succeed("dpkg-deb", "--info", deb, script)
        require(text.startswith("#!/bin/sh\n"), f"{script} is no script of sh")
        succeed("sh", "-n", text=text)
    print("  contents: as they should be", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deb", type=Path, required=True)
    parser.add_argument("--program", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="downlink-package-") as name:
            folder = Path(name)
            tree = folder / "tree"
            succeed("dpkg-deb", "--extract", arguments.deb, tree)
            contents(tree, arguments.deb)
            manual_pages(tree, arguments.program.resolve())
            completions(tree)
            same_bytes(arguments.deb, arguments.program.resolve(), folder)
            lintian(arguments.deb)
    except Failure as reason:
        sys.exit(f"package: FAILED: {reason}")
    print("package: passed")


if __name__ == "__main__":
    main()
