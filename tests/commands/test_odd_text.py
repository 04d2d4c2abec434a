"""Records of others: what they hold is printed as text, and never obeyed."""

from __future__ import annotations

import json

import pytest

ODD = "t.py::x\n::error::owned\x1b[2J\x9b31m\u202e\u2028##[error]"
OBEYED = ("\x1b", "\x9b", "\x85", "\u202e", "\u2028", "##[")


def is_harmless(text):
    lines = text.splitlines()
    return not (
        any(line.lstrip().startswith("::") for line in lines)
        or any(part in text for part in OBEYED)
    )


@pytest.fixture
def odd_run(write_run, make_measurement):
    """Two records whose texts are all odd; both have their measurement."""
    from pytest_trtperf.record.model import LayerRecord
    from pytest_trtperf.record.verdict import FindingRecord

    def write(name, level):
        layer = LayerRecord(
            name=ODD, median_ms=level, average_ms=level, total_ms=level, share=1.0,
            information={},
        )  # fmt: skip
        one = make_measurement(
            ODD, level=level, device=ODD, notes=[ODD], layers=[layer],
            findings=[FindingRecord(code="c", message=ODD)], module=ODD, baseline_dir=ODD,
        )  # fmt: skip
        return write_run(
            name, one, make_measurement(ODD + name), backend=f"b{ODD}", hardware_class=f"h{ODD}",
            device=ODD, commit=ODD, software={ODD: ODD},
        )  # fmt: skip

    return write


@pytest.mark.parametrize("options", [(), ("--all",), ("--json",), ("--tolerance=0.01", "--fail")])
def test_compare(trtperf, odd_run, options):
    result = trtperf("compare", odd_run("old", 1.0), odd_run("new", 1.5), *options)
    assert is_harmless(result.out)
    assert is_harmless(result.err)
    assert "owned" in result.out
    if options == ("--json",):
        assert result.json["compared"][0]["identity"]["key"] == ODD


@pytest.mark.parametrize("options", [("--all",), ("--json",)])
def test_trend(trtperf, odd_run, tmp_path, options):
    odd_run("old", 1.0)
    odd_run("new\n::error::", 1.5)
    (tmp_path / "no\nrecord\x1b.json").write_text("no record")
    result = trtperf("trend", tmp_path, *options)
    assert is_harmless(result.out)
    assert is_harmless(result.err)
    assert "owned" in result.out


@pytest.mark.parametrize("form", ["csv", "markdown", "customSmallerIsBetter"])
def test_export(trtperf, odd_run, form):
    result = trtperf("export", odd_run("run", 1.0), "--format", form)
    assert is_harmless(result.out)
    assert "owned" in result.out


def test_merge_names_what_is_twice(trtperf, odd_run, tmp_path):
    path = odd_run("run", 1.0)
    result = trtperf("merge", path, path, "-o", tmp_path / "merged.json")
    assert result.status == 2
    assert "owned" in result.err
    assert is_harmless(result.err)


@pytest.mark.parametrize("command", [("list",), ("show", "t.py::x"), ("list", "--json")])
def test_baselines(trtperf, odd_run, tmp_path, command):
    from pytest_trtperf.baseline.store import BaselineStore
    from pytest_trtperf.record.as_baseline import baseline_entry
    from pytest_trtperf.record.json_file import read_runs

    (run,) = read_runs(odd_run("run", 1.0))
    store = BaselineStore(tmp_path / "perf-baselines", "gpu", "tensorrt")
    store.update("t.py", {ODD: baseline_entry(run.measurements[0], {ODD: ODD})})
    result = trtperf("baseline", *command, "--baseline-dir", tmp_path / "perf-baselines")
    assert is_harmless(result.out)
    assert is_harmless(result.err)


def test_a_file_that_is_no_record_is_named_on_lines_that_nobody_obeys(trtperf, tmp_path):
    path = tmp_path / "x\n::error::owned\x1b.json"
    path.write_text(json.dumps({"schema": ODD}))
    result = trtperf("compare", path, path)
    assert result.status == 2
    assert is_harmless(result.err)
