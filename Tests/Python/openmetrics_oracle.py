"""Reads an OpenMetrics text from standard input as prometheus_client does, whose parser is stricter
than Prometheus: canonical bounds, families that follow each other, units, an end.

    openmetrics_oracle.py <metrics      prints `N families, N samples`; 1 where it is refused
"""

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def check(text):
    """The families, by name; raises where the text is no OpenMetrics or says less than it should."""
    families = {}
    for family in text_string_to_metric_families(text):
        if family.name in families:
            raise ValueError(f"{family.name} stands twice")
        if not family.documentation or family.type == "unknown":
            raise ValueError(f"{family.name} has no help or no type")
        for unit in ("seconds", "bytes"):
            if family.name.endswith("_" + unit) != (family.unit == unit):
                raise ValueError(f"{family.name} has the unit {family.unit!r}")
        if any(sample.name.endswith("_created") for sample in family.samples):
            raise ValueError(f"{family.name} has a sample nobody asked for")
        families[family.name] = family
    return families


def main():
    try:
        families = check(sys.stdin.buffer.read().decode("utf-8"))
    except ValueError as error:
        print(f"not OpenMetrics: {error}")
        sys.exit(1)
    samples = sum(len(family.samples) for family in families.values())
    print(f"{len(families)} families, {samples} samples")


if __name__ == "__main__":
    main()
