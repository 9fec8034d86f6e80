"""Limits of the machine itself, to be read beside every other figure: SQLite's commits, libyaml's parsing.

    python bench/limits.py [--size smallest|quick|full] [--json FILE]

The HTTP client alone is measured beside the runner, by bench/dispatch.py, against the same receiver.
"""

import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from figures import Figures, options
from validate import write
from yaml._yaml import CParser

SIZES = {"smallest": (5, 5), "quick": (300, 2_000), "full": (2_000, 10_000)}


def main() -> None:
    given = options(__doc__).parse_args()
    (commits, files), figures = SIZES[given.size], Figures("limits")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        figures.add("SQLite commits, WAL, synchronous=FULL", "sqlite3", commits_a_second(folder, commits), "/s")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), files)
        figures.add("events of job files, nothing made of them", "libyaml", files_a_second(Path(folder)), "files/s")
    figures.save(given.json)


def commits_a_second(folder: str, count: int) -> float:
    connection = sqlite3.connect(f"{folder}/one.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE one (value)")
    begun = time.perf_counter()
    for number in range(count):
        connection.execute("INSERT INTO one VALUES (?)", (number,))
    took = time.perf_counter() - begun
    connection.close()
    return count / took


def files_a_second(folder: Path) -> float:
    contents = [path.read_bytes() for path in folder.rglob("*.yaml")]
    begun = time.perf_counter()
    for content in contents:
        parser = CParser(content)
        while parser.get_event() is not None:
            pass
    return len(contents) / (time.perf_counter() - begun)


if __name__ == "__main__":
    sys.exit(main())
