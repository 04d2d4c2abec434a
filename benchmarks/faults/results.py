"""The results of a script that several calls add up in, and the time that each call has."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn


class Results:
    """Rows in a file, each a line of JSON; what is there is not taken again.

    Args:
        parser: is given the options `--json` and `--minutes`, and the command line.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", type=Path, required=True, help="the file of the results")
        parser.add_argument("--minutes", type=float, default=9.0, help="when to stop")
        self.options = parser.parse_args()
        self._began = time.monotonic()
        path: Path = self.options.json
        lines = path.read_text().splitlines() if path.exists() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def is_late(self) -> bool:
        """Whether this call has used its time."""
        return time.monotonic() - self._began > 60 * float(self.options.minutes)

    def add(self, row: dict[str, Any]) -> None:
        """Appends a result, and prints one with something wrong."""
        self.rows.append(row)
        with self.options.json.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if row.get("wrong"):
            print(f"WRONG: {row}", flush=True)

    def end(self, bad: int) -> NoReturn:
        """Exits, with 1 if there are bad results."""
        print(f"minutes used: {(time.monotonic() - self._began) / 60:.1f}")
        sys.exit(int(bool(bad)))
