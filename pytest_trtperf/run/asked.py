"""What the tests of a revision ask for: the files by which its run of pytest says so.

The run is in another process, with `--trtperf-build-only` and the variable `VARIABLE`, which names
a directory: `asked/` has a file for each measurement, `failed/` one for each test that failed, and
`references/` the engines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pytest_trtperf.backend.session import GivenInputs
from pytest_trtperf.files.atomic import write_atomically

VARIABLE = "PYTEST_TRTPERF_ASKED"


def measurement_name(test: str, module: str, key: str) -> str:
    """What a measurement is called in every revision: the test's node id, and its label.

    The key begins with where the module lies beside its baselines, which another revision may not
    have.
    """
    label = key.removeprefix(f"{module}::{test.partition('::')[2]}")
    return test + label


class AskedMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that a test asks for.

    Attributes:
        name: see `measurement_name`.
        engine: the engine's digest.
        plan: the SHA-256 of its plan, or the digest.
        shapes: as far as the test gives them.
        options: how it is measured, as far as numbers depend on it.
        inputs: files with the values that are given, by input, of each set.
    """

    name: str
    engine: str
    plan: str
    shapes: dict[str, list[int]]
    options: dict[str, Any]
    inputs: list[dict[str, str]] = []


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a test failed, or an engine could not be kept."""

    reason: str


def write_asked(directory: Path, asked: AskedMeasurement, sets: Sequence[GivenInputs]) -> None:
    """Writes a measurement, and the values of inputs beside it."""
    name = _digest(asked.name)
    files = [
        _write_values(directory / "asked", f"{name}-{place}", given)
        for place, given in enumerate(sets)
        if given
    ]
    whole = msgspec.structs.replace(asked, inputs=files)
    write_atomically(directory / "asked" / f"{name}.json", msgspec.json.encode(whole))


def _write_values(directory: Path, name: str, given: GivenInputs) -> dict[str, str]:
    """The file of each input."""
    files = {}
    for place, (tensor, values) in enumerate(given.items()):
        suffix = "bin" if isinstance(values, bytes) else "npy"
        path = directory / f"{name}-{place}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(values, bytes):
            path.write_bytes(values)
        else:
            np.save(path, values, allow_pickle=False)
        files[tensor] = str(path)
    return files


def read_asked(directory: Path, name: str) -> AskedMeasurement | None:
    """A measurement by its name; None if no test asked for it."""
    path = directory / "asked" / f"{_digest(name)}.json"
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=AskedMeasurement)


def write_failure(directory: Path, test: str, reason: str) -> None:
    """Writes why a test failed."""
    path = directory / "failed" / f"{_digest(test)}.json"
    write_atomically(path, msgspec.json.encode(Failure(reason=reason)))


def read_failure(directory: Path, test: str) -> str | None:
    """Why a test failed; None if it did not."""
    path = directory / "failed" / f"{_digest(test)}.json"
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=Failure).reason


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
