"""Blocks of pages that are no commands: YAML of configurations and of others, SQL, Python."""

import contextlib
import io
import os
import re
import shutil
import subprocess

import yaml

import delta_tables
import standing
from documents import CHECKOUT, SHELL
from duckdb_shell import statements
from harness import binary, require

# The keys of a configuration: a block with others is somebody else's file.
SECTIONS = {
    "pipeline", "lanes", "kafka", "schema_registry", "sources", "event_time", "windows",
    "detectors", "storage", "tables", "maintenance", "memory", "http", "log", "admin", "alerts",
}  # fmt: skip


# What a librdkafka may not be built with: a key of the block, and what `check` says of it then.
NOT_BUILT_IN = {"sasl.oauthbearer.method: oidc": "not supported in this build"}


class Fragments:
    """Checks blocks in a world; `notes` says of each kind how many there were."""

    def __init__(self, folder):
        self.folder = folder
        self.counts = {}

    def check(self, block):
        kind = {"yaml": self.yaml, "sql": self.sql, "python": self.python}.get(block.language)
        if kind:
            self.counts[block.language] = self.counts.get(block.language, 0) + 1
            kind(block)

    # ---- YAML

    def yaml(self, block):
        documents = list(yaml.safe_load_all(block.text))
        first = documents[0]
        require(isinstance(first, dict), f"{block.place}: not a mapping")
        if {"scrape_configs", "rule_files"} & first.keys():
            self.prometheus(block)
        elif "tests" in first:
            self.fixture(block)
        elif set(first) <= SECTIONS:
            self.configuration(block, first)
        else:
            is_route = {"receivers", "route"} <= first.keys()
            require(is_route, f"{block.place}: whose file is this? {sorted(first)}")
            self.judged_by(block, "amtool", "check-config")

    def prometheus(self, block):
        folder = self.folder / "prometheus"
        shutil.copytree(CHECKOUT / "deploy/prometheus", folder, dirs_exist_ok=True)
        for name in ("ca.pem", "token"):
            shutil.copy(self.folder / name, folder)
        self.judged_by(block, "promtool", "check", "config", folder=folder)

    def judged_by(self, block, *command, folder=None):
        """The block as a file, by the program whose file it is."""
        require(shutil.which(command[0]), f"{command[0]} is missing: run make setup")
        path = (folder or self.folder) / "block.yaml"
        path.write_text(block.text, encoding="utf-8")
        done = subprocess.run([*command, path], capture_output=True, text=True, timeout=60)
        require(done.returncode == 0, f"{block.place}: {command[0]}: {done.stdout}{done.stderr}")

    def fixture(self, block):
        """A fixture of `downlinkd test`, which holds for the example configuration."""
        path = self.folder / "fixture.yaml"
        path.write_text(block.text, encoding="utf-8")
        example = CHECKOUT / "config/downlinkd.yaml"
        done = subprocess.run(
            [binary(), "test", "--config", example, path], capture_output=True, text=True,
            timeout=60,
        )  # fmt: skip
        said = done.stdout + done.stderr
        require(done.returncode == 0, f"{block.place}: downlinkd test says:\n{said}")

    def configuration(self, block, fragment):
        """`downlinkd check` of the block, put into the example where it is only a part."""
        config = fragment
        if "pipeline" not in fragment:
            config = merged(self.base(fragment), fragment)
        path = self.folder / "fragment.yaml"
        standing.write_yaml(path, config)
        done = subprocess.run(
            [binary(), "check", "--config", path], capture_output=True, text=True, timeout=60,
            cwd=self.folder,
            env={**os.environ, "CREDENTIALS_DIRECTORY": str(standing.CREDENTIALS)},
        )  # fmt: skip
        said = done.stdout + done.stderr
        # A registry that the world has not: no fault of the block.
        is_away = "schema_registry" in fragment and done.returncode == 69
        lacks = any(key in block.text and say in said for key, say in NOT_BUILT_IN.items())
        is_fine = done.returncode == 0 or is_away or lacks
        require(is_fine, f"{block.place}: check says:\n{said}")

    def base(self, fragment):
        """The example, without what a fragment's own sources have no metrics for, or with a
        source whose rows name the metrics that its detectors are about."""
        config = yaml.safe_load((CHECKOUT / "config/downlinkd.yaml").read_text())
        if "sources" in fragment:
            config["detectors"] = []
        elif "detectors" in fragment or "windows" in fragment:
            config["sources"].append({
                "name": "inverters", "topics": ["samples"],
                "message": "fleet.telemetry.v1.TelemetryBatch", "rows": "samples",
                "device": "device_id", "time": {"field": "samples.time_unix_us", "unit": "us"},
                "metric": {"name": "samples.metric", "value": "samples.value"},
            })  # fmt: skip
        return config

    # ---- readers

    def sql(self, block):
        """Each statement is answered; tables that are named without a path are views."""
        connection = delta_tables.connect()
        for path in (standing.ROOT / "tables").iterdir():
            scan = f"delta_scan('{path}')"
            connection.execute(f'CREATE VIEW "{path.name}" AS SELECT * FROM {scan}')
        with cd(self.folder):
            for statement in statements(block.text):
                try:
                    connection.sql(statement).to_arrow_table()
                except Exception as reason:
                    require(False, f"{block.place}: DuckDB says: {reason}\n{statement}")

    def python(self, block):
        with cd(self.folder), contextlib.redirect_stdout(io.StringIO()):
            try:
                exec(compile(block.text, block.place, "exec"), {})
            except Exception as reason:
                require(False, f"{block.place}: {type(reason).__name__}: {reason}")


@contextlib.contextmanager
def cd(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def merged(base, fragment):
    """Mappings are merged, everything else is replaced."""
    if not (isinstance(base, dict) and isinstance(fragment, dict)):
        return fragment
    together = dict(base)
    for key, value in fragment.items():
        together[key] = merged(base[key], value) if key in base else value
    return together


# ---- links

FOLDERS = ["Sources", "Tests", "deploy", "docs", "config", "Benchmarks"]



def check_links(pages):
    """Every link between our files leads to a file and, where it says so, to a heading."""
    count = 0
    for page in pages.values():
        folder = (CHECKOUT / page.path).parent
        for line, target in page.links:
            place = f"{page.path}:{line}"
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            path = (folder / name).resolve() if name else CHECKOUT / page.path
            require(path.exists(), f"{place}: there is no {target}")
            count += 1
            if anchor and path.suffix == ".md":
                other = pages.get(str(path.relative_to(CHECKOUT)))
                require(other, f"{place}: {name} is no page of ours")
                require(anchor in other.anchors, f"{place}: {name or page.path} has no #{anchor}")
    return count


def check_names(pages):
    """Files of the checkout and targets of make that are named as code are there."""
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z][\w -]*?):(?!=)", makefile.replace("\\\n", " ")))
    targets = {name for names in targets for name in names.split()}
    targets |= set(re.search(r"TEST_STEPS := ((?:.*\\\n)*.*)", makefile)[1].split())
    count = 0
    for page in pages.values():
        lines = [*page.inline]
        for block in page.blocks:
            if block.language in SHELL:
                lines += enumerate(block.lines, block.line)
        for line, text in lines:
            place = f"{page.path}:{line}"
            for name in re.findall(r"(?<![\w./])((?:%s)/[\w./+-]+)" % "|".join(FOLDERS), text):
                found = (CHECKOUT / name.rstrip(".")).exists() or list(CHECKOUT.glob(name + "*"))
                require(found, f"{place}: there is no {name}")
                count += 1
            for names in re.findall(r"(?:^|&& |sudo )make((?: (?!-)[a-z][a-z-]*(?![\w=]))+)", text):
                unknown = set(names.split()) - targets
                require(not unknown, f"{place}: make has no target {unknown}")
                count += 1
    return count


def check_index(pages):
    """docs/README.md leads to every page below docs/."""
    index = pages["docs/README.md"]
    linked = {
        str((CHECKOUT / "docs" / target.partition("#")[0]).resolve().relative_to(CHECKOUT))
        for _, target in index.links
        if not re.match(r"[a-z]+:", target) and not target.startswith("#")
    }
    missing = {path for path in pages if path.startswith("docs/")} - linked - {"docs/README.md"}
    require(not missing, f"docs/README.md does not lead to {sorted(missing)}")
