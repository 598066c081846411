"""The files in deploy/ that no engine runs here: parsed, and held against what the program has.

    DOWNLINKD=… deploy.py

Rules by promtool, their unit tests in alerts.test.yaml; metric names and labels in rules and
dashboard against docs/METRICS.md; Kubernetes and compose files against themselves; every
configuration in them by `downlinkd check`; the units by systemd-analyze security and verify.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]
DEPLOY = CHECKOUT / "deploy"
sys.path.insert(0, str(HERE.parent / "blackbox"))

from harness import Failure, binary, call, require

# What Prometheus adds, and what histograms have.
COMMON_LABELS = {"job", "instance", "le", "alertname", "alertstate", "severity"}
METRIC = re.compile(r"(?<![\w:])(downlink_\w+)(?:\{([^}]*)\})?")
# systemd-analyze's tenths.
EXPOSURE_MAX = 15


def note(sentence):
    print(f"  {sentence}", flush=True)


# ---- metrics


def documented_metrics():
    """{name: (type, labels)} of docs/METRICS.md, with the series that a histogram comes as."""
    metrics = {}
    for line in (CHECKOUT / "docs/METRICS.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("| `downlink_") or len(cells) < 4:
            continue
        name, kind = cells[0].strip("`"), cells[1]
        labels = set(re.findall(r"`(\w+)`", cells[3]))
        if kind == "histogram":
            for suffix in ("_bucket", "_sum", "_count"):
                metrics[name + suffix] = ("counter", labels)
        else:
            metrics[name] = (kind, labels)
    require(len(metrics) > 50, f"docs/METRICS.md has only {len(metrics)} metrics")
    return metrics


def judge_expression(expression, metrics, where):
    """Names, labels, and that only counters are asked for their rate."""
    found = METRIC.findall(expression)
    for name, matchers in found:
        require(name in metrics, f"{where}: docs/METRICS.md has no {name}")
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        unknown = labels - metrics[name][1] - COMMON_LABELS
        require(not unknown, f"{where}: {name} has no label {unknown}")
    known = set().union(*(metrics[name][1] for name, _ in found)) | COMMON_LABELS
    for group in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression):
        labels = {label.strip() for label in group.split(",")}
        unknown = labels - known if found else set()
        require(not unknown, f"{where}: none of its metrics has the label {unknown}")
    for function, name in re.findall(r"\b(rate|increase)\((\w+)", expression):
        require(metrics[name][0] == "counter", f"{where}: {function} of {name}, no counter")
    return {name for name, _ in found}


def rules(metrics):
    promtool = shutil.which("promtool")
    require(promtool, "promtool is missing: run make setup")
    files = sorted((DEPLOY / "prometheus").glob("*.yaml"))
    call([promtool, "check", "rules", *files])
    done = subprocess.run(
        [promtool, "test", "rules", "alerts.test.yaml"], cwd=HERE, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
    )  # fmt: skip
    require(done.returncode == 0, f"promtool test rules:\n{done.stdout}")
    tests = (HERE / "alerts.test.yaml").read_text()
    names = set()
    for file in files:
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                name = rule.get("alert") or rule["record"]
                require(name not in names, f"{name} is there twice")
                names.add(name)
                judge_expression(rule["expr"], metrics, f"{file.name}: {name}")
                if "alert" in rule:
                    require(f'"{name}"' in tests, f"{name} has no test in which it fires")
                    require(rule["labels"]["severity"] in ("page", "ticket"), f"{name}: severity")
                    for key in ("summary", "description"):
                        require(rule["annotations"].get(key), f"{name} has no {key}")
    text = "".join(file.read_text() for file in files)
    used = set(re.findall(r"\b\w+:downlink_\w+:\w+", text))
    require(used <= names, f"recorded by no rule: {used - names}")
    note(f"{len(names)} rules, each alert fires in a test")


def dashboard(metrics):
    board = json.loads((DEPLOY / "grafana/downlink.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    ids = [panel["id"] for panel in board["panels"]]
    require(len(ids) == len(set(ids)), "two panels have one id")
    shown = set()
    for panel in panels:
        where = f"dashboard: {panel['title']}"
        require(panel["description"], f"{where}: no description")
        require(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, f"{where}: off the grid")
        for target in panel["targets"]:
            shown |= judge_expression(target["expr"], metrics, where)
            # PromQL as Grafana would send it.
            parse(re.sub(r"\$\w+", "x", target["expr"]), where)
    variables = {one["name"] for one in board["templating"]["list"]}
    require(variables == {"datasource", "job", "instance"}, f"variables: {variables}")
    overlap = overlapping(panels)
    require(not overlap, f"panels lie on each other: {overlap}")
    note(f"dashboard: {len(panels)} panels, {len(shown)} metrics")


def parse(expression, where):
    """By promtool, as a rule: it has no command of its own for that without a server."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        rule = {"record": "a:b:c", "expr": expression}
        yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}, file)
        file.flush()
        done = subprocess.run(
            ["promtool", "check", "rules", file.name], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60,
        )  # fmt: skip
        require(done.returncode == 0, f"{where}: {done.stdout}")


def overlapping(panels):
    taken = {}
    for panel in panels:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if (x, y) in taken:
                    return taken[x, y], panel["title"]
                taken[x, y] = panel["title"]
    return None


# ---- where it runs


def check_configuration(text, where):
    """By the program itself, which finds every fault."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "downlinkd.yaml"
        path.write_text(text)
        done = subprocess.run(
            [binary(), "check", "--config", path], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120,
        )  # fmt: skip
        require(done.returncode == 0, f"{where}: {done.stdout}")


def kubernetes():
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes/downlinkd.yaml").read_text()))
    by_kind = {document["kind"]: document for document in documents}
    for document in documents:
        require(document["apiVersion"] and document["metadata"]["name"], f"{document}")
    workload = by_kind["StatefulSet"]["spec"]
    pod = workload["template"]
    labels = pod["metadata"]["labels"]
    selectors = [
        workload["selector"]["matchLabels"], by_kind["Service"]["spec"]["selector"],
        by_kind["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]  # fmt: skip
    for selector in selectors:
        require(selector.items() <= labels.items(), f"{selector} does not select {labels}")
    require(workload["serviceName"] == by_kind["Service"]["metadata"]["name"], "serviceName")
    volumes = {one["name"] for one in pod["spec"]["volumes"]}
    volumes |= {one["metadata"]["name"] for one in workload["volumeClaimTemplates"]}
    for container in pod["spec"]["containers"] + pod["spec"]["initContainers"]:
        mounted = {one["name"] for one in container["volumeMounts"]}
        require(mounted == volumes, f"{container['name']} mounts {mounted} of {volumes}")
        locked = container["securityContext"]
        require(locked["readOnlyRootFilesystem"] and locked["capabilities"]["drop"] == ["ALL"],
                f"{container['name']} may do too much")  # fmt: skip
    (container,) = pod["spec"]["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        get = container[probe]["httpGet"]
        require(get["path"] == path and get["port"] in ports, f"{probe}: {get}")
    config = by_kind["ConfigMap"]["data"]["downlinkd.yaml"]
    check_configuration(config, "the ConfigMap")
    settings = yaml.safe_load(config)
    listen = settings["http"]["listen"]
    require(listen == f"0.0.0.0:{ports['http']}", f"http.listen {listen} is not {ports}")
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    require(settings["storage"]["root"] == mounts["telemetry"], "the root is on no volume")
    note(f"Kubernetes: {len(documents)} documents")


def compose():
    folder = DEPLOY / "compose"
    file = yaml.safe_load((folder / "compose.yaml").read_text())
    services = file["services"]
    for name, service in services.items():
        for other in service.get("depends_on", []):
            require(other in services, f"{name} depends on {other}")
        for port in service.get("ports", []):
            require(port.startswith("127.0.0.1:"), f"{name} is open to the world: {port}")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (folder / source).exists() if source[0] in "./" else source in file["volumes"]
            require(there, f"{name}: there is no {source}")
    built = services["downlinkd"]["build"]
    require((folder / built["context"] / built["dockerfile"]).exists(), f"build: {built}")
    check_configuration((folder / "downlinkd.yaml").read_text(), "compose/downlinkd.yaml")
    (job,) = yaml.safe_load((folder / "prometheus.yaml").read_text())["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    require(target.split(":")[0] in services, f"{target} is no service")
    call(["promtool", "check", "config", "--syntax-only", folder / "prometheus.yaml"])
    # What the fleet is told must be something that the program takes.
    words = services["fleet"]["command"]
    call([binary(), *words[:1], *words[1:], "--count=1", "--dry-run"])
    note(f"compose: {len(services)} services")


def containerfile():
    """Stages and sources; there is no engine here to build it."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    steps = [line for line in text.splitlines() if line and not line.startswith("#")]
    stages = [line.split() for line in steps if line.startswith("FROM ")]
    require(len(stages) == 2 and stages[0][2:] == ["AS", "build"], f"stages: {stages}")
    require("from=build" in text, "nothing is taken from the build")
    for word in ("USER 10001:10001", 'ENTRYPOINT ["/usr/bin/downlinkd"]'):
        require(word in steps, f"{word} is missing")
    for line in steps:
        form = re.match(r"(?:ENTRYPOINT|CMD) (\[.*)", line.strip())
        if form:
            json.loads(form[1])
    note("Containerfile: two stages, not root")


def units():
    """What the units allow, by systemd's own measure."""
    require(shutil.which("systemd-analyze"), "systemd-analyze is missing")
    for name in ("downlinkd.service", "downlinkd@.service"):
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager",
             f"--threshold={EXPOSURE_MAX}", DEPLOY / name],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        )  # fmt: skip
        last = done.stdout.strip().splitlines()[-1]
        require(done.returncode == 0, f"{name}: above {EXPOSURE_MAX / 10}: {last}")
        note(last.strip("→ "))
    spelling_of_units()


def spelling_of_units():
    """Keys and values, by systemd; with this program in place of the installed one."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("downlinkd.service", "downlinkd@.service"):
            text = (DEPLOY / name).read_text().replace("/usr/local/bin/downlinkd", binary())
            (Path(folder) / name).write_text(text)
            call(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                  f"{folder}/{name.replace('@', '@wind')}"])  # fmt: skip
    note("systemd-analyze verify takes both units")


def every_file_is_read():
    """YAML and JSON of the repository, whoever uses it."""
    count = 0
    for folder in (DEPLOY, CHECKOUT / "config"):
        for path in folder.rglob("*"):
            if path.suffix in (".yaml", ".json"):
                text = path.read_text()
                list(yaml.safe_load_all(text)) if path.suffix == ".yaml" else json.loads(text)
                count += 1
    note(f"{count} YAML and JSON files")


def main():
    try:
        every_file_is_read()
        metrics = documented_metrics()
        rules(metrics)
        dashboard(metrics)
        kubernetes()
        compose()
        containerfile()
        units()
    except Failure as reason:
        sys.exit(f"deploy: FAILED: {reason}")
    except yaml.YAMLError as reason:
        sys.exit(f"deploy: FAILED: {reason}")
    print("deploy: passed")


if __name__ == "__main__":
    os.chdir(CHECKOUT)
    main()
