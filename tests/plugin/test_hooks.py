"""Where and how often the hooks are called, and what an error in one of them does."""

from __future__ import annotations

import pytest

from pytest_trtperf.record.json_file import read_runs

SEVERAL = """
    def test_two(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        trt_measure(engine, shapes={"x": (16, 256)})
        trt_measure(engine, shapes={"x": (8, 256)}, name="small")

    def test_misses(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (16, 256)}).assert_p99(ms=1e-4)

    def test_measures_nothing():
        pass
"""

CALLS = """
    from pathlib import Path

    HERE = Path(__file__).parent

    def note(config, *words):
        process = "worker" if hasattr(config, "workerinput") else "controller"
        with open(HERE / "calls.txt", "a") as file:
            print(process, *words, file=file)

    def pytest_trtperf_measured(item, record):
        note(item.config, "measured", item.name, record.key)
        item.user_properties.append(("seen", record.key))

    def pytest_trtperf_run_finished(config, record):
        note(config, "finished", len(record.measured), (HERE / "run.json").exists())

    def pytest_trtperf_summary(terminalreporter, record):
        note(terminalreporter.config, "summary", record.exit_status)
        terminalreporter.write_line(f"summed up: {len(record.measured)}")
"""


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=str)
def test_each_hook_is_called_where_and_how_often_it_says(project, workers):
    project.model()
    project.tests(SEVERAL)
    project.pytester.makeconftest(CALLS)
    result = project.run("--trtperf-json=run.json", "--junitxml=junit.xml", *workers)
    result.assert_outcomes(passed=2, failed=1)
    calls = (project.path / "calls.txt").read_text().splitlines()
    process = "worker" if workers else "controller"
    assert sorted(calls[:-2]) == [
        f"{process} measured {test} test_perf.py::{key}"
        for test, key in (
            ("test_misses", "test_misses"),
            ("test_two", "test_two"),
            ("test_two", "test_two#small"),
        )
    ]
    assert calls[-2:] == ["controller finished 3 True", "controller summary 1"]
    lines = result.outlines
    table = next(i for i, line in enumerate(lines) if line.startswith("test_perf.py::test_two "))
    assert table < lines.index("summed up: 3")
    junit = (project.path / "junit.xml").read_text()
    assert 'name="seen" value="test_perf.py::test_two#small"' in junit
    assert 'name="trtperf[small].verdict"' in junit


RAISES = """
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def {name}({arguments}):
        {line}
"""


LINES = ("raise RuntimeError('no such server')", "pytest.fail('no such')")
MEASURED = ("pytest_trtperf_measured", "item")
AT_THE_END = (("pytest_trtperf_run_finished", ""), ("pytest_trtperf_summary", "terminalreporter"))


@pytest.mark.parametrize(
    ("hook", "line", "workers"),
    [
        *((hook, line, ()) for hook in (MEASURED, *AT_THE_END) for line in LINES),
        *((MEASURED, line, ("-n1",)) for line in LINES),
        # Called in the controller, which makes the same of either error with and without workers.
        *((hook, LINES[0], ("-n1",)) for hook in AT_THE_END),
    ],
    ids=str,
)
def test_an_implementation_that_raises_fails_the_run_and_loses_nothing(
    repository, hook, line, workers
):
    name, arguments = hook
    source = RAISES.format(name=name, arguments=arguments, line=line)
    conftest = repository.pytester.makeconftest(source)
    result = repository.run("--trtperf-json=run.json", *workers)
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "test_perf.py::test_model * measured",
            f"ERROR: {name} at {conftest}:5: *: no such*",
        ]
    )
    assert sum(one.startswith("ERROR") for one in result.outlines) == 1
    (run,) = read_runs(repository.path / "run.json")
    assert [one.key for one in run.measurements] == ["test_perf.py::test_model"]


LOST = {
    "one.absent": "AttributeError",
    "msgspec.structs.replace(record(one), throughput=numpy.float64(1))": "TypeError",
}


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=str)
@pytest.mark.parametrize("made", LOST)
def test_a_measurement_that_cannot_be_recorded_fails_the_run_and_not_pytest(project, made, workers):
    project.model()
    project.tests(
        f"""
        import msgspec, numpy
        from pytest_trtperf.fixtures.judged import JudgedMeasurement

        def test_lost(trt_engine, trt_measure, monkeypatch):
            trt_measure(trt_engine("model.onnx"), shapes={{"x": (16, 256)}})
            record = JudgedMeasurement.record
            monkeypatch.setattr(JudgedMeasurement, "record", lambda one: {made})

        def test_next(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={{"x": (16, 256)}})
        """
    )
    result = project.run(*workers)
    result.assert_outcomes(passed=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [f"*test_perf.py::test_lost: its measurements could not be recorded: {LOST[made]}(*"]
    )


def test_nothing_is_called_without_the_option(repository):
    repository.pytester.makeconftest(CALLS)
    repository.pytester.runpytest_inprocess().assert_outcomes(skipped=1)
    assert not (repository.path / "calls.txt").exists()


def test_the_record_counts_what_another_output_could_not_write(repository, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(repository.path))
    assert repository.run("--trtperf-json=run.json").ret == 1
    (run,) = read_runs(repository.path / "run.json")
    assert run.exit_status == 1
