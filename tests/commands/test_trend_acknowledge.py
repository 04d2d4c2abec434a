"""`trtperf trend acknowledge`: what it writes can be read again, and which alarms it covers."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path

import pytest

from pytest_trtperf.cli import main
from pytest_trtperf.record.acknowledged import FILE, read_acknowledged
from pytest_trtperf.record.night_of import tonight
from tests.commands.nightly import KEY

OTHER = "tests/test_x.py::test_removed"
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


def test_acknowledging_twice_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(COMMAND) == main(COMMAND) == 0
    assert "has this already, with the reason 'new head'" in capsys.readouterr().err
    assert len(read_acknowledged(tmp_path / FILE).acknowledged) == 1
    assert main([*COMMAND, "--until", "2999-01-01"]) == 0
    assert len(read_acknowledged(tmp_path / FILE).acknowledged) == 2


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


def test_acknowledged_alarm_is_green_and_a_second_one_red(trtperf, nights, tmp_path):
    directory = nights(1.05)
    file = tmp_path / "acknowledged.toml"
    words = "trend", directory, "--fail", "--acknowledged", file
    assert trtperf(*words).status == 1
    how = "--file", file, "--by", "Ada", "--reason", "worth it"
    assert trtperf("trend", "acknowledge", "*test_a@2026-02-14", *how, "--json").status == 0
    result = trtperf(*words, "--json")
    assert result.status == 0
    assert {one["state"] for one in result.json["trends"]} == {"acknowledged"}
    (alarm,) = result.json["alarms"]
    assert alarm["acknowledged"]["by"] == "Ada"
    nights(1.05 * 1.06, first=60, count=12)
    assert trtperf(*words).status == 1
    states = sorted(one["state"] for one in trtperf(*words, "--json").json["alarms"])
    assert states == ["acknowledged", "alarm"]


def test_the_name_that_is_shown_acknowledges(trtperf, nights, tmp_path):
    odd = "tests/test_x.py::test_a[" + "-".join(f"p{number}" for number in range(60)) + "\t\x1b]"
    directory = nights(1.05, keys=(odd,))
    file = tmp_path / "acknowledged.toml"
    words = "trend", directory, "--fail", "--acknowledged", file
    (line,) = (one for one in trtperf(*words).out.splitlines() if one.startswith("ALARM"))
    how = "--file", file, "--by", "Ada", "--reason", "worth it"
    assert trtperf("trend", "acknowledge", line.split()[1], *how).status == 0
    assert trtperf(*words).status == 0


def test_an_alarm_of_many_tests_is_acknowledged_as_it_is_shown(trtperf, hosts, tmp_path):
    directory = hosts({"lab3": lambda night: 1 + 0.03 * (night >= 45)}, tests=20)
    file = tmp_path / "acknowledged.toml"
    words = "trend", directory, "--fail", "--acknowledged", file
    red = trtperf(*words)
    assert red.status == 1
    assert "to accept one: trtperf trend acknowledge NAME" in red.out
    how = "--file", file, "--by", "Ada", "--reason", "driver"
    assert trtperf("trend", "acknowledge", "host:lab3: 20 tests", *how).status == 0
    assert [one.key for one in read_acknowledged(file).acknowledged] == ["host:lab3"]
    green = trtperf(*words)
    assert green.status == 0
    assert "to accept one" not in green.out
    assert trtperf("trend", "acknowledge", "host:lab3: 1 test@2026-02-14", *how).status == 0
    assert read_acknowledged(file).acknowledged[-1].key == "host:lab3"


def test_series_of_an_acknowledged_missing_test_are_not_missing(trtperf, nights, tmp_path):
    nights(count=40, keys=(KEY, OTHER))
    directory = nights(first=40, count=5)
    file = tmp_path / "acknowledged.toml"
    words = "trend", directory, "--fail", "--acknowledged", file
    assert trtperf(*words).status == 1
    how = "--file", file, "--by", "Ada", "--reason", "removed"
    assert trtperf("trend", "acknowledge", OTHER, *how).status == 0
    green = trtperf(*words)
    assert green.status == 0
    assert "1 acknowledged; 6 series: 0 alarm, 0 missing, 3 acknowledged" in green.out


def test_acknowledgement_that_has_expired_alarms_again(trtperf, nights, tmp_path):
    directory = nights(1.05)
    file = tmp_path / "acknowledged.toml"
    how = "--file", file, "--by", "Ada", "--reason", "for now", "--until", "2026-02-20"
    trtperf("trend", "acknowledge", f"{KEY}@2026-02-14", *how)
    result = trtperf("trend", directory, "--fail", "--acknowledged", file)
    assert result.status == 1
    assert "has expired on 2026-02-20" in result.err


def test_acknowledging_until_a_day_that_has_passed_is_noted(trtperf, tmp_path):
    file = tmp_path / "acknowledged.toml"
    how = "--file", file, "--by", "Ada", "--reason", "typo", "--until"
    assert "over already" not in trtperf("trend", "acknowledge", KEY, *how, "2999-01-01").err
    result = trtperf("trend", "acknowledge", KEY, *how, "2020-01-01")
    assert result.status == 0
    assert "--until 2020-01-01 is over already" in result.err


def test_acknowledgement_of_an_unknown_test_is_named(trtperf, nights, tmp_path):
    file = tmp_path / "acknowledged.toml"
    how = "--file", file, "--by", "Ada", "--reason", "typo"
    trtperf("trend", "acknowledge", "tests/test_x.py::test_no@2026-02-14", *how)
    result = trtperf("trend", nights(1.05), "--fail", "--acknowledged", file)
    assert result.status == 1
    assert "test_no@2026-02-14 is useless: the records have no test" in result.err


@pytest.mark.parametrize(
    "words",
    [
        ["a", "--by", "Ada"],
        ["a", "--reason", "r"],
        ["a", "--by", " ", "--reason", "r"],
        ["a", "--by", "Ada", "--reason", "r", "--until", "soon"],
    ],
)
def test_acknowledging_takes_a_name_and_a_reason(trtperf, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        trtperf("trend", "acknowledge", *words)
    assert list(tmp_path.iterdir()) == []
