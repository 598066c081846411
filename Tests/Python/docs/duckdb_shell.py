"""`duckdb -c SQL`, or SQL on standard input, as DuckDB's command line shows it: the Python package
stands in for it, with its own delta extension, so that nothing is downloaded.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import delta_tables


def statements(text):
    """Without comments, and without loading what is loaded."""
    text = re.sub(r"--.*", "", text)
    for one in text.split(";"):
        if one.strip() and not re.fullmatch(r"\s*(install|load)\s+delta\s*", one, re.I):
            yield one


def main():
    words = sys.argv[1:]
    text = words[words.index("-c") + 1] if "-c" in words else sys.stdin.read()
    connection = delta_tables.connect()
    for statement in statements(text):
        result = connection.sql(statement)
        if result is not None:
            result.show(max_width=100, max_rows=40)


if __name__ == "__main__":
    main()
