"""`trtperf trend`: which records it reads, and what it keeps of them."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from datetime import date, timedelta, timezone

import pytest

from pytest_trtperf.record.model import CostRecord
from pytest_trtperf.record.night_of import tonight
from pytest_trtperf.record.verdict import VerdictRecord
from tests.commands.nightly import NIGHTS


@pytest.mark.parametrize(
    ("year", "why"),
    [
        ("1970", "was not set"),
        ("2999", "which is in the future"),
        ("soon", "its time 'soon-"),
    ],
)
def test_clock_that_is_wrong_is_named(trtperf, nights, year, why):
    directory = nights(count=12)
    path = next(directory.iterdir())
    path.write_text(path.read_text().replace('"created":"2026', f'"created":"{year}'))
    result = trtperf("trend", directory, "--json")
    assert why in result.err
    assert {one["measured"] for one in result.json["trends"]} == {11}


def test_nights_in_the_future_steer_no_trend(trtperf, nights, tmp_path):
    last = tonight(timezone.utc)
    first = (last - date(2026, 1, 1)).days - 39
    nights(first=first, count=40, step=0)
    directory = nights(
        1.3, first=first + 40 + 30, count=12, step=0
    )  # a clock that is a month ahead
    result = trtperf("trend", directory, "--fail", "--json")
    assert result.status == 0
    assert {one["measured"] for one in result.json["trends"]} == {40}
    assert len(result.json["left_out"]) == 12
    assert "which is in the future" in result.err


def test_summary_gives_the_same_answer_and_notices_changes(trtperf, nights):
    directory = nights(1.05)
    first = trtperf("trend", directory, "--json").json
    assert (directory / ".trtperf-trend.msgpack").exists()
    assert trtperf("trend", directory, "--json").json == first
    (directory / ".trtperf-trend.msgpack").write_text("{")
    (memory,) = directory.glob(".trtperf-trend-*.npz")
    memory.write_bytes(memory.read_bytes()[:99])
    assert trtperf("trend", directory, "--json").json == first
    next(directory.glob("*-59.json")).unlink()
    trends = trtperf("trend", directory, "--json").json["trends"]
    assert {one["measured"] for one in trends} == {NIGHTS - 1}


def test_compressed_records_are_read(trtperf, nights):
    import gzip

    directory = nights(count=12)
    for path in list(directory.glob("*.json"))[:6]:
        path.with_suffix(".json.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    (directory / "cut.json.gz").write_bytes(gzip.compress(b"{}" * 999)[:-9])
    result = trtperf("trend", directory, "--json")
    assert result.json["records"] == 12
    assert "cut.json.gz: it is cut short" in result.err


def test_files_that_are_no_records_are_left_out_and_named(trtperf, nights):
    directory = nights()
    (directory / "cut.json").write_bytes((directory / "00-0.json").read_bytes()[:999])
    (directory / "old.json").write_text('{"schema": "trtperf-run/1", "measurements": []}')
    (directory / "baseline.json").write_text('{"schema": "trtperf-baseline/1", "entries": {}}')
    result = trtperf("trend", directory, "--json")
    assert result.status == 0
    assert (result.json["records"], len(result.json["left_out"])) == (NIGHTS, 3)
    for name in ("cut", "old", "baseline"):
        assert f"left out {directory / name}.json: " in result.err


@pytest.mark.parametrize("ago", [1, 2, 3, 40])
def test_a_fleet_that_runs_no_more_is_named(trtperf, nights, ago):
    last = tonight(timezone.utc) - timedelta(days=ago)
    count = (last - date(2025, 12, 31)).days + 1
    result = trtperf("trend", nights(first=count - 20, count=20), "--all")
    assert result.status == 0
    assert (f"the last run is of {last}, {ago} nights ago" in result.err) == (ago >= 3)


def test_a_pipe_among_the_records_is_left_out_and_not_waited_for(trtperf, nights):
    directory = nights()
    os.mkfifo(directory / "pipe.json")
    result = trtperf("trend", directory)
    assert result.status == 0
    assert f"left out {directory / 'pipe.json'}: it is no file that can be read twice" in result.err


def test_record_of_a_later_version_is_left_out_and_says_so(trtperf, nights):
    directory = nights()
    (directory / "later.json").write_text('{"schema": "trtperf-run/9", "measurements": 3}')
    result = trtperf("trend", directory)
    assert result.status == 0
    assert f"left out {directory / 'later.json'}: the record has the schema 'trtperf-run/9'" in (
        result.err
    )
    assert "update pytest-trtperf, or record it with this version" in result.err


def test_no_update_helps_with_a_record_of_an_earlier_version(trtperf, nights):
    directory = nights()
    (directory / "early.json").write_text('{"schema": "trtperf-run/1", "measurements": 3}')
    result = trtperf("trend", directory)
    assert result.status == 0
    assert "'trtperf-runs/2': record it with this version" in result.err


def test_directory_that_cannot_be_written_is_read_each_time(trtperf, nights, open_folder):
    source = nights(1.05)
    hidden = shutil.ignore_patterns(".*")
    summarized = trtperf("trend", source, "--json")
    directory = shutil.copytree(source, open_folder / "nightly", ignore=hidden)
    directory.chmod(0o555)
    with no_root():
        first, again = (trtperf("trend", directory, "--json") for _ in range(2))
    directory.chmod(0o755)
    assert first.status == again.status == 0
    assert first.json["trends"] == again.json["trends"] == summarized.json["trends"]
    assert not list(directory.glob(".*"))


@contextmanager
def no_root():
    """An ordinary user for a while: root writes where nobody may."""
    if is_root := os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_run_that_is_there_twice_counts_once(trtperf, nights):
    directory = nights()
    path = next(directory.iterdir())
    assert trtperf("merge", path, "-o", directory / "merged.json").status == 0
    result = trtperf("trend", directory, "--json")
    assert {one["measured"] for one in result.json["trends"]} == {NIGHTS}


def test_directory_without_records_is_trouble(trtperf, tmp_path):
    (tmp_path / "package.json").write_text("{}")
    result = trtperf("trend", tmp_path)
    assert result.status == 2
    assert "has no record" in result.err
    assert "package.json" in result.err


def test_costs_with_a_budget_have_a_trend_of_their_own(trtperf, nights):
    def cost(value, limit=None):
        record = CostRecord(value=value, unit="mJ", values=[value])
        budget = VerdictRecord(
            kind="budget", metric="energy per query", status="pass", reason="within_limit",
            message="", value=value, limit=limit,
        )  # fmt: skip
        return {"costs": {"energy_per_query": record}, "verdicts": [budget] if limit else []}

    nights(count=30, **cost(100.0, limit=200.0))
    directory = nights(first=30, count=30, **cost(130.0, limit=200.0))
    trends = {one["metric"]: one for one in trtperf("trend", directory, "--json").json["trends"]}
    energy = trends["energy per query"]
    assert (energy["state"], energy["unit"]) == ("alarm", "mJ")
    assert energy["message"] == "more than before"
    assert energy["change"] == pytest.approx(0.3, abs=0.05)
    assert {one["state"] for name, one in trends.items() if name != "energy per query"} == {"quiet"}
    without = nights(count=60, **cost(100.0))
    trends = trtperf("trend", without, "--json").json["trends"]
    assert "energy per query" not in {one["metric"] for one in trends}
