"""`trtperf trend acknowledge`: what it writes can be read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf.cli import main
from pytest_trtperf.record.acknowledged import FILE, read_acknowledged

COMMAND = ["trend", "acknowledge", "test_x.py::test_a", "--reason", "new head", "--by", "Ada"]


def test_what_does_not_fit_the_file_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / FILE
    path.write_text("acknowledged = []\n")
    assert main(COMMAND) == 2
    assert "nothing is written" in capsys.readouterr().err
    assert path.read_text() == "acknowledged = []\n"
    path.unlink()
    assert main(COMMAND) == 0
    assert [one.key for one in read_acknowledged(path).acknowledged] == ["test_x.py::test_a"]
