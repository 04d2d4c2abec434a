"""`trtperf compare-trtexec`: trtexec's log beside a record; and its numbers as budgets."""

from __future__ import annotations

import pytest

from pytest_trtperf.slo.items import items_of
from tests.trtexec.logs import log

MODE = {
    "transfers": True, "spin_wait": True, "cuda_graph": False, "streams": 1, "concurrency": 2,
    "inputs": "seeded", "seed": 0, "load": "closed", "idle_ms": 0.0,
}  # fmt: skip


@pytest.fixture
def compare(trtperf, write_run, make_measurement, tmp_path):
    """Compares a log with a record of measurements of these levels."""

    def run(*words, text=None, levels=(1.0,), **changes):
        (tmp_path / "t.log").write_text(text or log())
        fields = {"mode": MODE, "shapes": {"x": [8, 3]}, "device": "NVIDIA H200"}
        record = write_run(
            "run",
            *(
                make_measurement(f"tests/test_x.py::test_{number}", level, **{**fields, **changes})
                for number, level in enumerate(levels)
            ),
        )
        return trtperf("compare-trtexec", tmp_path / "t.log", record, *words)

    return run


def test_all_numbers_stand_side_by_side(compare):
    result = compare()
    assert (result.status, result.err) == (0, "")
    lines = [line.split() for line in result.out.splitlines()]
    assert lines[0] == ["tests/test_x.py::test_0"]
    assert ["throughput", "qps", "1250", "1000", "+25.0%"] in lines
    assert ["latency", "median", "ms", "1", "1", "+0.0%"] in lines
    assert ["latency", "P99", "ms", "1.099", "1", "-9.0%"] in lines
    assert ["gpu_compute", "median", "ms", "0.8", "1", "+25.0%"] in lines


def test_a_percentile_that_no_summary_has_comes_from_the_rounds(compare):
    found = compare("--json", text=log(shares=(99.9,))).json["lines"]
    (line,) = [one for one in found if (one["metric"], one["figure"]) == ("latency", "P99.9")]
    assert line["record"] == pytest.approx(1.001, abs=0.001)
    assert line["change"] == pytest.approx(1.001 / 1.0999 - 1, abs=0.001)


def test_what_makes_numbers_incomparable_is_noted(compare):
    text = log(command="trtexec --onnx=m --shapes=x:4x3 --streams=2", device="NVIDIA L4")
    result = compare(text=text)
    assert result.status == 0
    spin_wait = "spin_wait=False (without --useSpinWait), the record is of spin_wait=True"
    assert [line.partition("comparable: ")[2] for line in result.err.splitlines()] == [
        "trtexec ran on NVIDIA L4, the record is of NVIDIA H200",
        f"trtexec measured with {spin_wait}",
        "trtexec measured with streams=2, the record is of streams=1",
        "x was 4x3, and is 8x3",
    ]
    assert compare("--tolerance=0.5", text=text).status == 1


@pytest.mark.parametrize(("level", "status"), [(0.75, 0), (0.9, 1)])
def test_a_tolerance_makes_it_an_exit_status(compare, level, status):
    result = compare("--tolerance=0.05", levels=[level])
    assert result.status == status
    assert ("worse than trtexec's by more than 0.05: throughput, gpu_compute" in result.out) == (
        status == 1
    )


@pytest.mark.parametrize(
    ("version", "flags", "mode", "words"),
    [
        ("v101302", "--useSpinWait", {"concurrency": 1}, "concurrency=2 (without --exposeDMA tr"),
        ("v101302", "--useSpinWait --exposeDMA", {}, "concurrency=1 (by --exposeDMA),"),
        ("v110000", "--includeDataTransfers", {}, "cuda_graph=True (without --noCudaGraph),"),
        ("v110000", "--noCudaGraph", {}, "transfers=False (without --includeDataTransfers),"),
    ],
)
def test_a_mode_is_named_with_the_flag_behind_it(compare, version, flags, mode, words):
    text = log(command=f"trtexec --onnx=m --shapes=x:8x3 {flags}", version=version)
    assert f"trtexec measured with {words}" in compare(text=text, mode=MODE | mode).err


def test_figures_that_the_record_lacks_are_counted(compare):
    *lines, last = compare().out.splitlines()
    assert last == "left out: 21 figures that the record lacks (enqueue, h2d, d2h)"
    assert {line.split()[0] for line in lines[2:]} == {"throughput", "latency", "gpu_compute"}
    found = compare("--json").json["lines"]
    assert sum(one["record"] is None for one in found) == 21
    figures = dict.fromkeys(("min", "max", "mean", "median", "p90", "p95", "p99"), 1.0)
    metrics = ("latency", "gpu_compute", "enqueue", "h2d", "d2h")
    assert "left out" not in compare(summary=dict.fromkeys(metrics, figures)).out


def test_one_of_several_measurements_is_chosen(compare):
    result = compare(levels=[1.0, 2.0])
    assert result.status == 2
    assert "has several measurements: choose one with --test. It has:\n" in result.err
    result = compare("--test=tests/test_x.py::test_1", levels=[1.0, 2.0])
    assert result.out.splitlines()[0] == "tests/test_x.py::test_1"
    assert "has no measurement 'x'" in compare("--test=x").err


@pytest.mark.parametrize("name", ["*test_1", "test_1", "test_?", "tests/*::test_1"])
def test_a_measurement_is_chosen_as_it_is_for_baselines(compare, name):
    result = compare(f"--test={name}", levels=[1.0, 2.0])
    if name == "test_?":
        assert "has several measurements 'test_?': give --test the name of one" in result.err
    else:
        assert result.out.splitlines()[0] == "tests/test_x.py::test_1"


def test_a_log_that_was_cut_is_an_error_with_its_line(compare):
    result = compare(text=log().partition("GPU Compute Time:")[0])
    assert result.status == 2
    assert "t.log:19: the summary that began at line 14 has no" in result.err


def budgets(trtperf, tmp_path, text, *words):
    (tmp_path / "t.log").write_text(text)
    result = trtperf("import-trtexec", tmp_path / "t.log", "--budgets", *words)
    assert result.status == 0
    table = tmp_path / "models.slo.toml"
    table.write_text(result.out)
    return result.out, table


def test_budgets_are_an_entry_of_a_table(trtperf, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.onnx").write_bytes(b"")
    command = (
        "trtexec --onnx=models/net.onnx --optShapes=x:4x3 --shapes=x:8x3 --useCudaGraph --refit"
    )
    text, table = budgets(trtperf, tmp_path, log(command), "--slack=0.2")
    assert text.splitlines() == [
        "# What trtexec 10.13.2 measured, and 20% of slack.",
        (
            "# In a test: perf.assert_percentile(90, ms=1.308); "
            "perf.assert_percentile(95, ms=1.314); "
            "perf.assert_percentile(99, ms=1.3188); perf.assert_qps(1000)"
        ),
        "[net]",
        'onnx = "models/net.onnx"',
        'shapes = { x = ["4x3", "4x3", "4x3"] }',
        "build = { refit = true }",
        (
            'measure = [{ shapes = { x = "8x3" }, spin_wait = false, cuda_graph = true, '
            'p90_ms = { "NVIDIA H200" = 1.308 }, p95_ms = { "NVIDIA H200" = 1.314 }, '
            'p99_ms = { "NVIDIA H200" = 1.3188 }, qps = { "NVIDIA H200" = 1000 } }]'
        ),
    ]
    (item,) = items_of(table)
    assert item.budgets[None].percentiles_ms[99] == {"NVIDIA H200": 1.3188}
    assert item.options["cuda_graph"] is True


def test_budgets_name_the_queries_in_flight_where_they_are_not_those_of_a_gpu(trtperf, tmp_path):
    command = "trtexec --onnx=m.onnx --useSpinWait"
    assert "concurrency" not in budgets(trtperf, tmp_path, log(command))[0]
    assert "concurrency = 1" in budgets(trtperf, tmp_path, log(f"{command} --exposeDMA"))[0]


def test_budgets_of_a_log_without_its_first_line_leave_the_model_open(trtperf, tmp_path):
    text, _ = budgets(trtperf, tmp_path, log(shares=(50, 99.9)).partition("\n")[2])
    assert text.splitlines()[2:4] == ["[model]", 'onnx = "model.onnx"  # its path']
    assert '"99.9" = { "NVIDIA H200" = 1.20989 }' in text


def test_what_cannot_be_built_is_a_remark(trtperf, tmp_path):
    text, _ = budgets(trtperf, tmp_path, log("trtexec --onnx=m.onnx --best"))
    assert "#   --best: name the precisions instead, such as --fp16" in text


def test_the_import_of_a_log_says_what_to_do(trtperf, tmp_path):
    (tmp_path / "t.log").write_text(log())
    result = trtperf("import-trtexec", tmp_path / "t.log")
    assert result.status == 2
    assert (
        "is trtexec's log, and a baseline needs the time of each query: run trtexec" in result.err
    )
    assert "--exportTimes=times.json" in result.err
    (tmp_path / "times.json").write_text("[]")
    result = trtperf(
        "import-trtexec", tmp_path / "times.json", "--test=a.py::b", "--backend=tensorrt"
    )
    assert "a baseline needs --command, --hardware-class: see" in result.err
    result = trtperf("import-trtexec", tmp_path / "times.json", "--budgets")
    assert "times.json: this is no log of trtexec" in result.err
