"""The library of `faults.c`, put in front of the C library (`LD_PRELOAD`).

A script calls `load` first: it starts itself anew under the library, which does nothing until the
environment of a run asks for it.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_SOURCE = Path(__file__).with_name("faults.c")


def load() -> None:
    """Starts this script anew under the library, unless it runs under it already."""
    if "faults" in os.environ.get("LD_PRELOAD", ""):
        return
    with tempfile.NamedTemporaryFile(prefix="faults-", suffix=".so", delete=False) as file:
        built = file.name
    command = ["gcc", "-O1", "-shared", "-fPIC", "-o", built, str(_SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    # It stays: processes that start later need it.
    environment = {**os.environ, "LD_PRELOAD": built, "OPENBLAS_NUM_THREADS": "1"}
    os.execve(sys.executable, sys.orig_argv, environment)


class Operations:
    """The operations of one run below a folder.

    Args:
        state: a folder outside of it, for the counter and the log.
    """

    def __init__(self, state: Path, below: Path) -> None:
        self._counter, self._log, self._below = state / "counter", state / "operations", below

    def fault(
        self, at: int = 0, errno: int = 0, *, lasting: bool = False, group: bool = False
    ) -> Mapping[str, str]:
        """The environment of the next run.

        Args:
            at: the number of the operation; 0 counts them only.
            errno: of the C library; 0 kills the process.
            lasting: later operations that need room fail, too.
            group: the kill is for all processes of the run.
        """
        self._counter.write_bytes(bytes(8))
        self._log.unlink(missing_ok=True)
        return {
            "FAULT_BELOW": str(self._below),
            "FAULT_COUNTER": str(self._counter),
            "FAULT_LOG": str(self._log),
            "FAULT_AT": str(at),
            "FAULT_ERRNO": str(errno),
            **({"FAULT_LASTING": "1"} if lasting else {}),
            **({"FAULT_GROUP": "1"} if group else {}),
        }

    def count(self) -> int:
        """How many there were."""
        (found,) = struct.unpack("l", self._counter.read_bytes())
        return int(found)

    def names(self) -> list[tuple[str, Path]]:
        """What each was, in their order: a function of the C library, and the path."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        found = sorted((int(number), what, path) for number, what, path in map(_split, lines))
        return [(what, Path(path)) for _, what, path in found]


def _split(line: str) -> list[str]:
    return line.split(" ", 2)
