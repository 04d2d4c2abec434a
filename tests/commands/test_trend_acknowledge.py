"""`trtperf trend acknowledge`: what it writes can be read again."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path

import pytest

from pytest_trtperf.cli import main
from pytest_trtperf.record.acknowledged import FILE, read_acknowledged
from pytest_trtperf.record.night_of import tonight

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


def test_what_begins_after_tonight_is_another_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    night = tonight(timezone.utc)
    assert main(COMMAND) == 0
    assert f"began by {night}" in capsys.readouterr().out
    (one,) = read_acknowledged(tmp_path / FILE).acknowledged
    began = [night - timedelta(days=nights) for nights in (40, 4, 0, -1, -3)]
    assert [one.covers(one.key, since, None, night) for since in began] == [True] * 3 + [False] * 2


@pytest.mark.parametrize("since", ["2026-13-01", "2026-3-4", "4-3-2026"])
def test_a_date_that_is_none_is_no_part_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([*COMMAND[:2], f"host:lab3@{since}", *COMMAND[3:]])
    assert main([*COMMAND[:2], "test_x.py::test_a[x@1]", *COMMAND[3:]]) == 0
    (one,) = read_acknowledged(tmp_path / FILE).acknowledged
    assert one.key == "test_x.py::test_a[x@1]"
