"""Calls the command as the console script does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commands.nightly import hosts, nights  # noqa: F401


class Result(NamedTuple):
    """What a command returned and printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON."""
        return json.loads(self.out)


@pytest.fixture
def trtperf(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs `trtperf` with these words."""
    from pytest_trtperf.cli import main

    def run(*words: object) -> Result:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Result(int(status), *capsys.readouterr())

    return run


@pytest.fixture
def write_run(tmp_path: Path, make_run: Callable[..., Any]) -> Callable[..., Path]:
    """Writes the record of a run to `<name>.json` and returns its path."""
    from pytest_trtperf.record.json_file import write_json

    def write(name: str, *measurements: Any, **changes: Any) -> Path:
        path = tmp_path / f"{name}.json"
        write_json(path, make_run(*measurements, **changes))
        return path

    return write
