"""The mark, and which of several places an option is taken from."""

from __future__ import annotations

import json

import pytest

# What applies is read off the seed, which every backend records with the mode.
SOURCES = ("call", "mark", "command line", "environment", "ini")


@pytest.mark.parametrize("highest", range(len(SOURCES) + 1), ids=(*SOURCES, "default"))
def test_precedence(project, monkeypatch, highest):
    given = SOURCES[highest:]
    project.model()
    mark = "@pytest.mark.trtperf(seed=2)" if "mark" in given else ""
    call = ", seed=1" if "call" in given else ""
    project.tests(
        f"""
        import pytest

        {mark}
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={{"x": (64, 256)}}{call})
        """
    )
    if "environment" in given:
        monkeypatch.setenv("TRTPERF_SEED", "4")
    if "ini" in given:
        project.ini("trtperf_seed = 5")
    arguments = ["--trtperf-seed=3"] if "command line" in given else []
    assert project.run("--trtperf-json=run.json", *arguments).ret == 0
    (measurement,) = json.loads((project.path / "run.json").read_text())["measurements"]
    assert measurement["mode"]["seed"] == (highest + 1) % (len(SOURCES) + 1)


def test_closest_mark_wins(project):
    project.model()
    project.tests(
        """
        import pytest

        pytestmark = pytest.mark.trtperf(seed=1, concurrency=1)

        @pytest.mark.trtperf(seed=2)
        class TestModel:
            @pytest.mark.trtperf(seed=3)
            def test_function(self, trt_engine, trt_measure):
                trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})

            def test_class(self, trt_engine, trt_measure):
                trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})

        def test_module(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
        """
    )
    assert project.run("--trtperf-json=run.json").ret == 0
    record = json.loads((project.path / "run.json").read_text())
    seeds = {m["test"].rpartition("::")[2]: m["mode"]["seed"] for m in record["measurements"]}
    assert seeds == {"test_function": 3, "test_class": 2, "test_module": 1}


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("cuda_grpah=True", "*unknown option cuda_grpah; known are *cuda_graph*"),
        ("backend='onnxruntime'", "*unknown option backend*"),
        ("True", "*keyword arguments only*"),
        ("tolerance=-1", "*tolerance: expected a share above 0 and below 1*"),
        ("round_queries=float('inf')", "*round_queries: expected a whole number*"),
    ],
)
def test_wrong_mark_fails_at_set_up(repository, mark, message):
    repository.tests(
        f"""
        import pytest

        @pytest.mark.trtperf({mark})
        def test_model(trt_engine, trt_measure):
            raise AssertionError("the body ran")
        """
    )
    result = repository.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"@pytest.mark.trtperf of test_perf.py::test_model: {message}"])
    result.stdout.no_fnmatch_line("*the body ran*")


def test_wrong_option_of_a_call_fails_where_it_was_called(repository):
    repository.tests(
        """
        import pytest

        def test_model(trt_engine, trt_measure):
            with pytest.raises(ValueError, match="trt_measure: unknown option graph; known are"):
                trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, graph=True)
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
        """
    )
    repository.run().assert_outcomes(passed=1)


def test_second_measurement_needs_a_name(repository):
    repository.tests(
        """
        import pytest

        def test_model(trt_engine, trt_measure):
            engine = trt_engine("model.onnx")
            trt_measure(engine, shapes={"x": (64, 256)})
            with pytest.raises(ValueError, match="without a name already: pass another name="):
                trt_measure(engine, shapes={"x": (32, 256)})
            trt_measure(engine, shapes={"x": (32, 256)}, name="small")
            with pytest.raises(ValueError, match="named 'small' already"):
                trt_measure(engine, shapes={"x": (16, 256)}, name="small")
        """
    )
    repository.run("--trtperf-update").assert_outcomes(passed=1)
    assert set(repository.baselines()) == {
        "test_perf.py::test_model",
        "test_perf.py::test_model#small",
    }


def test_mark_selects_what_uses_the_fixtures(repository):
    repository.tests("def test_plain(): pass", "test_plain")
    repository.pytester.makeini("[pytest]\naddopts = --strict-markers")
    result = repository.run("-m", "trtperf")
    result.assert_outcomes(passed=1, deselected=1)
    result = repository.run("-m", "not trtperf")
    result.assert_outcomes(passed=1, deselected=1)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_fixtures_reached_through_another_fixture_count(repository):
    repository.tests(
        """
        import pytest

        @pytest.fixture
        def perf(trt_engine, trt_measure):
            return trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})

        def test_model(perf):
            perf.assert_p99(ms=5000)
        """
    )
    repository.run("-m", "trtperf").assert_outcomes(passed=1)
    repository.pytester.runpytest_inprocess().assert_outcomes(skipped=1)


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("command line", "--trtperf-max-time"),
        ("environment", "environment variable TRTPERF_MAX_TIME"),
        ("ini", "ini key trtperf_max_time"),
    ],
)
def test_bad_value_names_the_place_it_came_from(repository, monkeypatch, place, named):
    arguments = ["--trtperf-max-time=soon"] if place == "command line" else []
    if place == "environment":
        monkeypatch.setenv("TRTPERF_MAX_TIME", "soon")
    if place == "ini":
        repository.ini("trtperf_max_time = soon")
    result = repository.pytester.runpytest_inprocess("--trtperf", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {named}: expected a number, got 'soon'"])


def test_paths_of_the_ini_file_are_relative_to_it(repository, monkeypatch):
    repository.ini("trtperf_baseline_dir = kept", f"testpaths = {repository.path}")
    repository.pytester.mkdir("below")
    monkeypatch.chdir("below")
    assert repository.run("--trtperf-update", "..").ret == 0
    assert len(list((repository.path / "kept").rglob("*.json"))) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--trtperf --trtperf-update --trtperf-update-new",
            "*--trtperf-update*exclude each other*",
        ),
        ("--trtperf --trtperf-update --trtperf-against=x", "*against compares with a record*"),
        (
            "--trtperf --trtperf-idle-ms=1 --trtperf-request-rate=9",
            "*idle_ms is for a closed load*",
        ),
        ("--trtperf-update", "*give --trtperf as well*"),
    ],
)
def test_contradictory_options_are_refused_before_any_test(repository, options, message):
    result = repository.pytester.runpytest_inprocess(*options.split())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
