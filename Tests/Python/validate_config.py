"""What the JSON Schema of the configuration says about YAML texts.

    validate_config.py SCHEMA < TEXTS     TEXTS: a JSON array of YAML texts

Prints a JSON array: of each text the faults that the schema finds, in words, or null where the
text is no YAML. Values are typed as YAML 1.2 types them, as editors do, not as PyYAML does.
"""

import json
import re
import sys
from pathlib import Path

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: `no` is a text, and so are dates and 1_000."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float",
     r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
     r"|\.(?:nan|NaN|NAN))$", "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
):  # fmt: skip
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


class ConfigSchema:
    def __init__(self, path):
        schema = json.loads(Path(path).read_bytes())
        jsonschema.Draft202012Validator.check_schema(schema)
        self.validator = jsonschema.Draft202012Validator(schema)

    def faults(self, value):
        """Of a value that is read already."""
        return [f"{error.json_path}: {error.message}"[:300]
                for error in self.validator.iter_errors(value)]  # fmt: skip

    def faults_of_text(self, text):
        try:
            return self.faults(yaml.load(text, Loader))
        except yaml.YAMLError:
            return None


if __name__ == "__main__":
    SCHEMA = ConfigSchema(sys.argv[1])
    print(json.dumps([SCHEMA.faults_of_text(text) for text in json.load(sys.stdin)]))
