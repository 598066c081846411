"""The commands around a configuration, against real brokers: `check --schema` and `--connect`,
`config show` and `diff`, `init`. None of them changes anything that it was not asked to.
"""

import copy
import json
import socket
import subprocess

import fleet
import harness
from bad_config import FAULTS, put
from confluent_kafka.admin import AdminClient
from fake_registry import FakeRegistry
from harness import EXIT_CONFIGURATION, EXIT_INCOMPLETE, EXIT_OK, EXIT_UNAVAILABLE, require
from schema_infer import PROTO, send

USAGE, FINDINGS = 64, 65
# What of bad_config only the program can see: names that refer to each other or to the message
# types, librdkafka's own properties, and the environment.
ONLY_THE_PROGRAM = {
    "unknown message", "unknown field", "unknown attribute", "size no multiple of slide",
    "metric nobody has", "topic in two sources", "unknown property", "property out of range",
    "unset variable",
}  # fmt: skip


class Commands:
    def __init__(self, scenario):
        self.scenario = scenario

    def __call__(self, *words, code=EXIT_OK, environment=None):
        """Runs a command that must end with the code; what it said on both outputs."""
        done = subprocess.run(
            [harness.binary(), *map(str, words)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
            cwd=self.scenario.folder, env=environment,
        )  # fmt: skip
        require(done.returncode == code, f"{words} ended with {done.returncode}:\n{done.stdout}")
        require("hunter2" not in done.stdout, f"{words} shows a secret:\n{done.stdout}")
        return done.stdout


def good_config(scenario, brokers):
    sections = {**fleet.fleet_sections(), "sources": [fleet.SOURCES[0]]}
    sections["windows"] = [{"name": "w", "size": "1m", "metrics": ["battery_voltage_v"]}]
    return harness.base_config(brokers, scenario.folder / "data", **sections)


def schema(scenario, run, good):
    printed = run("check", "--schema")
    path = harness.ORACLES.parent.parent / "config/downlinkd.schema.json"
    require(printed == path.read_text(encoding="utf-8"), "the published schema is another")
    validator = harness.config_schema()
    require(not validator.faults(good), f"refused: {validator.faults(good)}")
    whole = harness.base_config("a:1", "/srv", **fleet.fleet_sections())
    require(not validator.faults(whole), f"refused: {validator.faults(whole)}")
    passed = set()
    for name, (path, value, _) in FAULTS.items():
        bad = copy.deepcopy(good)
        if name == "topic in two sources":
            bad["sources"].append({**bad["sources"][0], "name": "again"})
        else:
            put(bad, path, value)
        if not validator.faults(bad):
            passed.add(name)
    require(passed == ONLY_THE_PROGRAM, f"the schema passes {passed ^ ONLY_THE_PROGRAM}, too or not")
    scenario.note(f"the schema refuses {len(FAULTS) - len(passed)} of {len(FAULTS)} faults")


def found(text):
    """The findings of `check --connect --json` as (level, key, cause)."""
    document = json.loads(text)
    return document, {(one["level"], one["key"], one["cause"]) for one in document["findings"]}


def connect(scenario, run, good, brokers):
    path = scenario.write_config(good, "good.yaml")
    before = sorted(scenario.folder.rglob("*"))
    text = run("check", "--connect", "--config", path)
    for words in ("the topic telemetry has 2 partitions", "may be read", "GB are free"):
        require(words in text, f"{words!r} is not in:\n{text}")
    groups = AdminClient({"bootstrap.servers": brokers}).list_consumer_groups().result(30).valid
    require(not groups, f"it has joined {groups}")
    require(sorted(scenario.folder.rglob("*")) == before, "it has left something behind")

    # Everything is wrong at once, and everything is said.
    taken = socket.create_server(("127.0.0.1", 0))
    file = scenario.folder / "a-file"
    file.write_text("", encoding="utf-8")
    bad = copy.deepcopy(good)
    bad["kafka"]["brokers"] = ["127.0.0.1:1"]
    bad["kafka"]["properties"]["sasl.password"] = "hunter2"
    bad["storage"]["root"] = str(file / "data")
    bad["http"]["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
    bad["sources"][0]["device"] = "devise_id"
    path = scenario.write_config(bad, "bad.yaml")
    document, findings = found(
        run("check", "--connect", "--json", "--config", path, code=EXIT_CONFIGURATION)
    )
    for expected in (
        ("fault", "sources[0].device", "configuration"), ("fault", "kafka.brokers", "outside"),
        ("fault", "storage.root", "configuration"), ("warning", "http.listen", None),
    ):  # fmt: skip
        require(expected in findings, f"{expected} is not among {findings}")
    require(document["faults"] == 3, f"faults: {document}")
    taken.close()

    # What something else denies is another exit code than what does not fit.
    away = copy.deepcopy(good)
    away["kafka"]["brokers"] = ["127.0.0.1:1"]
    path = scenario.write_config(away, "away.yaml")
    run("check", "--connect", "--config", path, code=EXIT_UNAVAILABLE)
    strict = fleet.StrictBroker()
    gone = copy.deepcopy(good)
    gone["kafka"]["brokers"] = [strict.address]
    gone["sources"][0]["topics"] = ["no-such-topic"]
    path = scenario.write_config(gone, "gone.yaml")
    text = run("check", "--connect", "--config", path, code=EXIT_CONFIGURATION)
    require("there is no topic no-such-topic" in text, text)
    scenario.note("check --connect says what is wrong, all of it")


def registry(scenario, run, good):
    with FakeRegistry() as registry:
        registry.register(7, f"{fleet.SNAPSHOTS}-value", PROTO)
        config = copy.deepcopy(good)
        config["sources"][0]["envelope"] = "confluent"
        config["schema_registry"] = {"url": registry.url}
        path = scenario.write_config(config, "registry.yaml")
        text = run("check", "--connect", "--config", path)
        require(f"knows {fleet.SNAPSHOTS}-value, version" in text, text)
        config["schema_registry"]["subject"] = "{topic}-key"
        path = scenario.write_config(config, "registry.yaml")
        _, findings = found(run("check", "--connect", "--json", "--config", path))
        require(("warning", "schema_registry", None) in findings, f"{findings}")
        url = registry.url
    config["schema_registry"]["url"] = url
    path = scenario.write_config(config, "registry.yaml")
    _, findings = found(
        run("check", "--connect", "--json", "--config", path, code=EXIT_UNAVAILABLE)
    )
    require(("fault", "schema_registry", "outside") in findings, f"{findings}")
    scenario.note("the registry is asked for the subjects")


def secrets(scenario, run, good):
    folder = scenario.folder / "credentials"
    folder.mkdir()
    (folder / "kafka").write_text("hunter2\n", encoding="utf-8")
    config = copy.deepcopy(good)
    config["kafka"]["properties"]["sasl.password"] = "credential:kafka"
    path = scenario.write_config(config, "credential.yaml")
    environment = {"CREDENTIALS_DIRECTORY": str(folder)}
    run("check", "--config", path, environment=environment)
    text = run("config", "show", "--config", path, environment=environment)
    require('"sasl.password": "credential:kafka"' in text, text)
    text = run("check", "--config", path, environment={}, code=EXIT_CONFIGURATION)
    require("CREDENTIALS_DIRECTORY is not set" in text, text)


def show_and_diff(scenario, run, good, brokers):
    path = scenario.write_config(good, "good.yaml")
    for flags, name in (((), "shown.yaml"), (("--json",), "shown.json"), (("--source",), "s.yaml")):
        shown = scenario.folder / name
        shown.write_text(run("config", "show", "--config", path, *flags), encoding="utf-8")
        require("nothing differs" in run("config", "diff", path, shown), f"{name} is another")
    faults = harness.config_schema().faults_of_text((scenario.folder / "shown.yaml").read_text())
    require(not faults, f"the schema refuses what is shown: {faults}")

    def diff(way, value, code):
        new = copy.deepcopy(good)
        put(new, way, value)
        return run("config", "diff", path, scenario.write_config(new, "new.yaml"), code=code)

    require("live      log.level" in diff("log.level", "debug", EXIT_OK), "log.level")
    require("session   storage.commit" in diff("storage.commit.interval", "9s", EXIT_OK), "commit")
    require("restart   lanes" in diff("lanes", 3, EXIT_INCOMPLETE), "lanes")
    require("refused   windows[w].size" in diff("windows.0.size", "5m", EXIT_CONFIGURATION), "size")

    # Tables that are there have their say: a column keeps its type and its name.
    producer = fleet.Producer(brokers, scenario.folder / "produced.jsonl", {fleet.SNAPSHOTS: 2})
    one = fleet.Fleet(1, snapshots_only=True)
    for _ in range(20):
        record = one.next()
        producer.send(
            record.topic, record.device, record.payload, record.timestamp_ms, record.members
        )
    producer.finish()
    scenario.catch_up(path)
    text = diff("sources.0.metrics", ["battery_voltage_v"], EXIT_OK)
    require("session   sources[snapshots].metrics: all" in text, text)
    renamed = ["battery_voltage_v", {"field": "device_id", "name": "cpu_temperature_c"}]
    text = diff("sources.0.metrics", renamed, EXIT_CONFIGURATION)
    require("table readings_" in text and "cannot take" in text, text)
    scenario.note("config diff says what each change takes")


def init(scenario, run, brokers):
    protos = scenario.folder / "protos"
    protos.mkdir()
    (protos / "orbit.proto").write_text(PROTO, encoding="utf-8")
    send(brokers, "orbits", 200)
    words = ("init", "--brokers", brokers, "--topic", "orbits", "--protos", protos)
    # The root of another pipeline: not for `run`, and so not for `check`.
    first = scenario.folder / "other.yaml"
    run(*words, "--root", scenario.folder / "data", "--output", first)
    text = run("check", "--connect", "--config", first, code=EXIT_CONFIGURATION)
    require("belongs to pipeline" in text, text)
    words += ("--root", "orbit-data")
    first = scenario.folder / "first.yaml"
    text = run(*words, "--output", first)
    require("check --config" in text, text)
    text = first.read_text(encoding="utf-8")
    require("device: satellite" in text and "time: {field: at_ms, unit: ms}" in text, text)
    require(not harness.config_schema().faults_of_text(text), "the schema refuses it")
    run("check", "--connect", "--config", first)
    text = run(*words, "--output", first, code=USAGE)
    require("is there already" in text, text)
    first.write_text("mine", encoding="utf-8")
    run(*words, "--output", first, "--force")
    require("pipeline: orbits" in first.read_text(encoding="utf-8"), "it was not written anew")
    run("init", "--brokers", brokers, "--topic", "empty", "--output", "-", code=FINDINGS)
    run("init", "--brokers", "127.0.0.1:1", "--topic", "t", "--output", "-", code=EXIT_UNAVAILABLE)
    run("init", "--brokers", brokers, code=USAGE)
    mapped = ("--message", "acme.Nothing", "--device", "d", "--time", "t")
    text = run("init", "--brokers", brokers, "--topic", "t", *mapped, code=EXIT_CONFIGURATION)
    require("nothing was written" in text, text)
    require(not (scenario.folder / "downlinkd.yaml").exists(), "something was written")
    scenario.catch_up(first)
    scenario.note("what init writes runs")


def run(scenario):
    brokers = scenario.broker(**{fleet.SNAPSHOTS: 2}, orbits=2, empty=1)
    run_command = Commands(scenario)
    good = good_config(scenario, brokers)
    schema(scenario, run_command, good)
    connect(scenario, run_command, good, brokers)
    registry(scenario, run_command, good)
    secrets(scenario, run_command, good)
    show_and_diff(scenario, run_command, good, brokers)
    init(scenario, run_command, brokers)


if __name__ == "__main__":
    harness.main(run)
