"""Every way a configuration can be wrong or not fit the world: one clear message, exit code 78,
nothing started and nothing written.
"""

import copy
import re

import fleet
import harness
from harness import EXIT_CONFIGURATION, require

# Words no message for a person may hold.
INSIDE = ("Fatal error", "Precondition", "Thread 0", "Swift.", "Optional(", "Error(")


def put(config, path, value):
    """Sets `a.b.0.c`; creates mappings on the way."""
    *way, last = path.split(".")
    for step in way:
        config = config[int(step)] if isinstance(config, list) else config.setdefault(step, {})
    if value is None:
        del config[last]
    else:
        config[int(last) if isinstance(config, list) else last] = value


# name: (path, value, words the message must hold); `check` finds these too.
FAULTS = {
    "unknown key": ("kafka.brokerz", ["a:1"], ["kafka.brokerz", "brokers"]),
    "unknown top-level key": ("windws", [], ["windws", "windows"]),
    "wrong type": ("lanes", "many", ["lanes"]),
    "list for a mapping": ("storage", [1], ["storage"]),
    "bad duration": ("windows.0.size", "5 minutes", ["windows[0].size"]),
    "missing pipeline": ("pipeline", None, ["pipeline"]),
    "no source": ("sources", [], ["sources"]),
    "unknown message": ("sources.0.message", "acme.Nothing", ["sources[0].message"]),
    "unknown field": ("sources.0.device", "devise_id", ["sources[0].device", "device_id"]),
    "unknown attribute": ("sources.0.attributes", ["regoin"], ["sources[0].attributes", "region"]),
    "size no multiple of slide": ("windows.0.slide", "7s", ["windows[0]"]),
    "metric nobody has": ("windows.0.metrics", ["battery_volt"], ["windows[0].metrics"]),
    "topic in two sources": ("sources.1", None, [fleet.SNAPSHOTS]),
    "property that is ours": ("kafka.properties", {"group.id": "x"}, ["group.id"]),
    "unknown property": ("kafka.properties", {"sesion.timeout.ms": 1}, ["sesion.timeout.ms"]),
    "property out of range": (
        "kafka.properties", {"session.timeout.ms": -5}, ["session.timeout.ms"]),
    "unset variable": ("storage.root", "${DOWNLINK_NOT_SET}/x", ["DOWNLINK_NOT_SET"]),
}  # fmt: skip


class BadConfig:
    def __init__(self, scenario, config):
        self.scenario, self.config = scenario, config
        self.count = 0

    def expect(self, name, config, words, commands=("check", "run"), message_count=1):
        """Runs the commands over the configuration and judges code, message and root."""
        self.count += 1
        path = config if isinstance(config, str) else None
        path = path or self.scenario.write_config(config, f"case-{self.count}.yaml")
        for command in commands:
            label = f"case-{self.count}-{command}"
            process = self.scenario.start(label, command, "--config", path)
            code = process.wait(60)
            text = process.log()
            where = f"{name} ({command})"
            require(code == EXIT_CONFIGURATION, f"{where} ended with {code}:\n{text}")
            faults = [line for line in text.splitlines() if is_fault(line)]
            require(
                len(faults) == message_count,
                f"{where}: {len(faults)} messages instead of {message_count}:\n{text}",
            )
            for word in words:
                require(word in text, f"{where} does not name {word!r}:\n{text}")
            for word in INSIDE:
                require(word not in text, f"{where} shows its inside, {word!r}:\n{text}")
        root = self.scenario.folder / "data"
        require(not root.exists() or not any(root.iterdir()), f"{name}: something is in the root")
        self.scenario.note(f"{name}: {faults[0].strip()[:160]}")

    def changed(self, path, value):
        config = copy.deepcopy(self.config)
        put(config, path, value)
        return config


def is_fault(line):
    """A line that says what is wrong: no hint, no count, not the log of an ordinary start."""
    if line.startswith("{"):
        return '"level":"critical"' in line
    return bool(line.strip()) and not re.match(r"\s|\d+ faults?$", line)


def run(scenario):
    brokers = scenario.broker(**{fleet.SNAPSHOTS: 1})
    root = scenario.folder / "data"
    sections = {**fleet.fleet_sections(), "sources": [fleet.SOURCES[0]]}
    sections["windows"] = [{"name": "w", "size": "1m", "metrics": ["battery_voltage_v"]}]
    good = harness.base_config(brokers, root, **sections)
    cases = BadConfig(scenario, good)

    for name, (path, value, words) in FAULTS.items():
        if name == "topic in two sources":
            config = copy.deepcopy(good)
            config["sources"].append({**config["sources"][0], "name": "again"})
        else:
            config = cases.changed(path, value)
        cases.expect(name, config, words)
    several = cases.changed("lanes", "many")
    put(several, "storage.commit.interval", "soon")
    put(several, "sources.0.time.unit", "days")
    cases.expect("three faults at once", several, ["lanes", "interval", "unit"], message_count=3)

    missing = scenario.folder / "nowhere.yaml"
    cases.expect("missing file", str(missing), [str(missing)])
    broken = scenario.folder / "broken.yaml"
    broken.write_text("pipeline: [unclosed\n", encoding="utf-8")
    cases.expect("not YAML", str(broken), [str(broken)])

    # What only the world can tell.
    only_run = ("run",)
    config = cases.changed("kafka.brokers", ["127.0.0.1:1"])
    cases.expect("no broker", config, ["127.0.0.1:1"], only_run)
    # `downlinkd broker` creates topics that are asked for; this one answers that there is none.
    strict = fleet.StrictBroker()
    config = cases.changed("sources.0.topics", ["no-such-topic"])
    config["kafka"]["brokers"] = [strict.address]
    cases.expect("missing topic", config, ["no-such-topic"], only_run)
    file = scenario.folder / "a-file"
    file.write_text("", encoding="utf-8")
    config = cases.changed("storage.root", str(file / "data"))
    cases.expect("root under a file", config, ["storage.root", str(file)], only_run)
    config = cases.changed("storage.root", "/proc/downlink")
    cases.expect("root nobody can write", config, ["/proc/downlink"], only_run)

    done = scenario.start("good", "check", "--config", scenario.write_config(good))
    require(done.wait() == 0, f"check of the good configuration:\n{done.log()}")


if __name__ == "__main__":
    harness.main(run)
