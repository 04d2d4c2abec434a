"""`trtperf compare`: the same verdicts as a run against the old record gives."""

from __future__ import annotations

import pytest

from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.model import LayerRecord, MergedRecord
from pytest_trtperf.record.verdict import FindingRecord

KEY = "tests/test_x.py::test_a"


@pytest.fixture
def compare(trtperf, write_run, make_measurement):
    """Compares a measurement at 1 ms with one at `level`."""

    def run(level, *options, old=None, **changes):
        before = write_run("old", make_measurement(**(old or {})))
        after = write_run("new", make_measurement(level=level, **changes))
        return trtperf("compare", before, after, *options)

    return run


def test_unchanged(compare):
    result = compare(1.0, "--fail")
    assert result.status == 0
    assert result.out == "1 compared: 0 regressed, 0 inconclusive; 0 missing, 0 added\n"
    shown = compare(1.0, "--all").out
    assert "gpu_compute median" in shown
    assert "same" in shown


def test_estimate_is_deprecated(compare):
    assert compare(1.0, "--inconclusive=warn").err == ""
    assert "--inconclusive=estimate is deprecated" in compare(1.0, "--inconclusive=estimate").err


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--fail",), 1)])
def test_regression(compare, options, status):
    result = compare(1.2, *options)
    assert result.status == status
    assert "REGRESSED" in result.out
    assert "+20.0%" in result.out
    assert "1 regressed" in result.out


def test_improvement_is_reported_and_is_no_failure(compare):
    result = compare(0.8, "--fail")
    assert result.status == 0
    # A record, unlike a baseline, is not updated.
    assert f"{KEY}: gpu_compute median improved by 20.0%\n" in result.out


@pytest.mark.parametrize(
    ("tolerance", "status"), [("0.3", 0), ("0.02", 1), ("median=0.3,p99=0.3,throughput=0.3", 0)]
)
def test_tolerance(compare, tolerance, status):
    assert compare(1.2, "--fail", "--tolerance", tolerance).status == status


def test_missing_and_added_tests_are_listed(trtperf, write_run, make_measurement):
    one, two, three = (make_measurement(f"tests/t.py::test[{name}]") for name in "abc")
    result = trtperf("compare", write_run("old", one, two), write_run("new", two, three), "--fail")
    assert result.status == 0
    assert (
        "not in the new record (1):\n  tests/t.py::test[a] (tensorrt on nvidia-h200)" in result.out
    )
    assert "only in the new record (1):\n  tests/t.py::test[c]" in result.out
    assert "1 compared" in result.out


def test_nothing_in_common_is_trouble(trtperf, write_run):
    old, new = write_run("old"), write_run("new", hardware_class="nvidia-l4")
    result = trtperf("compare", old, new)
    assert result.status == 2
    assert "no measurement in common" in result.err


def test_other_mode_fails(compare):
    result = compare(1.0, "--fail", mode={"load": "closed", "cuda_graph": True})
    assert result.status == 1
    assert "OTHER MODE" in result.out
    (found,) = compare(1.0, "--json", mode={"load": "closed", "cuda_graph": True}).json["compared"]
    assert found["verdicts"][0]["message"].endswith(" or make the record anew")


@pytest.mark.parametrize(("code", "metric"), [("enqueue_bound", "latency P99"), ("not_steady", "")])
def test_doubtful_measurement_is_not_judged_by_its_numbers(compare, code, metric):
    findings = [FindingRecord(code=code, message="because")]
    (found,) = compare(1.3, "--json", findings=findings).json["compared"]
    assert {v["metric"] for v in found["verdicts"] if v["failed"]} == {metric} - {""}


def test_layer_that_got_slower_is_named(compare):
    def layers(conv):
        return [
            LayerRecord(
                name=name, median_ms=ms, average_ms=ms, total_ms=ms, share=0.5,
                information={"TacticName": f"{name} in {ms} ms"},
            )
            for name, ms in (("conv", conv), ("relu", 0.1))
        ]  # fmt: skip

    result = compare(1.3, old={"layers": layers(0.9)}, layers=layers(1.2))
    assert f"{KEY}: layer conv: +0.3 ms, 100% of the change" in result.out
    assert "tactic of layer conv: conv in 0.9 ms in the baseline, conv in 1.2 ms here" in result.out


def test_merged_records_compare_by_hardware(trtperf, tmp_path, make_run, make_measurement):
    paths = []
    for name, level in (("old", 1.0), ("new", 1.5)):
        runs = [
            make_run(make_measurement(), hardware_class="nvidia-h200"),
            make_run(make_measurement(level=level), hardware_class="nvidia-l4"),
        ]
        paths.append(tmp_path / f"{name}.json")
        write_json(paths[-1], MergedRecord(runs=runs))
    found = trtperf("compare", *paths, "--json").json["compared"]
    failed = {
        one["identity"]["hardware_class"]: any(v["failed"] for v in one["verdicts"])
        for one in found
    }
    assert failed == {"nvidia-h200": False, "nvidia-l4": True}
