"""`trtperf report`: a page of one record, or of a directory of them."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.model import PairRecord

pytest.importorskip("jinja2")

KEY = "tests/test_x.py::test_in_turns"


@pytest.fixture
def nights(write_run, make_measurement, tmp_path):
    """Forty nights, each a test of its own level, on two kinds of hardware."""
    (tmp_path / "nightly").mkdir()
    for night in range(40):
        created = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=night)
        level = 1.2 if night >= 32 else 1.0 + 0.001 * (night % 3)
        one = make_measurement()
        figures = {**one.summary["latency"], "median": level, "p99": level}
        one = make_measurement(level=level, summary=dict.fromkeys(one.summary, figures))
        hardware = "nvidia-l4" if night == 20 else "nvidia-h200"
        write_run(f"nightly/{night:02}", one, created=created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                  hardware_class=hardware, commit=f"{night:040x}")  # fmt: skip
    return tmp_path / "nightly"


def test_one_record(trtperf, write_run, tmp_path):
    page = tmp_path / "out" / "page.html"
    result = trtperf("report", write_run("run"), "-o", page)
    assert result.status == 0
    assert result.out.startswith(f"{page}: 1 measured, ")
    assert "tests/test_x.py" in page.read_text(encoding="utf-8")


def test_directory_has_trends_and_the_newest_runs(trtperf, nights, tmp_path):
    (nights / "other.json").write_text("{}")
    page = tmp_path / "page.html"
    result = trtperf("report", nights, "-o", page, "--json")
    assert result.status == 0
    assert (result.json["measurements"], result.json["series"]) == (2, 6)
    assert result.json["bytes"] == page.stat().st_size
    assert "other.json" in result.json["left_out"][0]
    assert "left out" in result.err
    text = page.read_text(encoding="utf-8")
    assert f"<code>{39:040x}</code>" in text
    assert f"<code>{20:040x}</code>" in text
    assert 'data-state="alarm"' in text
    # The row names the night as the alarm does: a run at midnight is of the evening before.
    assert "since 2026-02-01" in text
    assert ">2026-02-01<" in text


def test_a_newest_run_with_impossible_numbers_leaves_the_trends(trtperf, nights, tmp_path):
    newest = nights / "39.json"
    content = json.loads(newest.read_text())
    content["measurements"][0]["sessions"][0]["rounds"][0]["throughput"] = -1.0
    newest.write_text(json.dumps(content))
    page = tmp_path / "page.html"
    result = trtperf("report", nights, "-o", page, "--json")
    assert result.status == 0
    assert (result.json["measurements"], result.json["series"]) == (1, 6)
    assert f"without the newest run of tensorrt on nvidia-h200: {newest}: " in result.err


def test_directory_says_how_many_alarms_stand(trtperf, nights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.html"
    line = "1 alarm, 1 missing, 0 acknowledged: trtperf trend "
    assert line in trtperf("report", nights, "-o", page).out
    assert line in page.read_text(encoding="utf-8")
    who = "--by", "Ada", "--reason", "worth it"
    assert trtperf("trend", "acknowledge", "tests/test_x.py::*@2026-02-02", *who).status == 0
    result = trtperf("report", nights, "-o", page)
    line = "0 alarms, 1 missing, 1 acknowledged: trtperf trend "
    assert line in result.out
    text = page.read_text(encoding="utf-8")
    assert line in text
    assert 'data-state="acknowledged"' in text
    assert "the last run is of" in result.err


def test_directory_of_pairs_alone_has_a_page_of_them(trtperf, tmp_path, make_run):
    (tmp_path / "nightly").mkdir()
    for night in (1, 2):
        pair = PairRecord(
            test=KEY, key=KEY, message=f"night {night}", device="NVIDIA H200", blocks=9,
            engines={}, modes={}, ratios={}, verdicts=[], findings=[],
        )  # fmt: skip
        created = f"2026-01-0{night}T00:00:00Z"
        run = msgspec.structs.replace(make_run(), created=created, measurements=[], pairs=[pair])
        write_json(tmp_path / "nightly" / f"{night}.json", run)
    page = tmp_path / "page.html"
    result = trtperf("report", tmp_path / "nightly", "-o", page, "--json")
    assert (result.status, result.json["measurements"], result.json["series"]) == (0, 1, 0)
    assert KEY.partition("::")[2] in page.read_text(encoding="utf-8")


def test_page_is_here_by_default(trtperf, write_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert trtperf("report", write_run("run")).status == 0
    assert (tmp_path / "trtperf.html").exists()


def test_trouble_is_reported(trtperf, write_run, tmp_path, monkeypatch):
    record = write_run("run")
    (tmp_path / "cut.json").write_bytes(record.read_bytes()[:300])
    for words, expected in (
        ((tmp_path / "none.json",), "none.json"),
        ((tmp_path / "cut.json",), "not a whole record"),
        ((record, "-o", record / "page.html"), "run.json"),
    ):
        result = trtperf("report", *words)
        assert (result.status, result.out) == (2, "")
        assert expected in result.err
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = trtperf("report", record, "-o", tmp_path / "page.html")
    assert result.status == 2
    assert "pytest-trtperf[report]" in result.err
