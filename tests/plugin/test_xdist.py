"""pytest-xdist: with and without it the same verdicts, files and keys, and one round at a time."""

from __future__ import annotations

import os
import signal
from itertools import pairwise

import pytest

from pytest_trtperf.record.json_file import read_runs
from tests.plain_records import rounds_of
from tests.plugin.waiting import wait_for

pytest.importorskip("xdist")

DISTRIBUTIONS = [
    ("-p", "no:xdist"),
    ("-n0",),
    ("-n2", "--dist=loadscope"),
    ("-n2", "--dist=loadgroup"),
    ("-n2", "--dist=worksteal"),
]

NO_WARM_UP = ("--trtperf-warm-up-ms=1", "--trtperf-max-warm-up=0.05")

FOUR_TESTS = """
    import pytest

    @pytest.mark.parametrize("batch", [16, 64])
    @pytest.mark.xdist_group("perf@home")
    def test_passes(trt_engine, trt_measure, batch):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (batch, 256)})

    @pytest.mark.xdist_group("other [a]:b/c")
    def test_misses(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, name="tight")
        perf.assert_p99(ms=1e-4)

    def test_keeps(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, name="wide")
        perf.assert_p99(ms=5000)
"""


IN_TURNS = """
    import pytest

    @pytest.mark.parametrize("number", range(4))
    def test_turn(trt_engine, trt_measure, number):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (16, 256)})
"""

BARRIER = """
    import os, time
    from pathlib import Path

    def pytest_collection_finish(session):
        Path(f"{os.getpid()}.here").touch()
        deadline = time.monotonic() + 300
        while len(list(Path().glob("*.here"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
"""


@pytest.fixture
def suite(project):
    project.model()
    project.tests(FOUR_TESTS)
    project.ini("markers = xdist_group")
    return project


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=" ".join)
def test_verdicts_files_and_keys(suite, distribution):
    result = suite.run("--trtperf-update", "--trtperf-json=run.json", *distribution)
    result.assert_outcomes(passed=3, failed=1)
    assert result.ret == 1
    passing = {
        "test_perf.py::test_passes[16]",
        "test_perf.py::test_passes[64]",
        "test_perf.py::test_keeps#wide",
    }
    assert set(suite.baselines()) == passing
    assert len(suite.baseline_files()) == 1
    measurements = suite.measurements()
    verdicts = {m["key"]: [v["status"] for v in m["verdicts"]] for m in measurements}
    assert list(verdicts.items()) == [
        ("test_perf.py::test_passes[16]", []),
        ("test_perf.py::test_passes[64]", []),
        ("test_perf.py::test_misses#tight", ["fail"]),
        ("test_perf.py::test_keeps#wide", ["pass"]),
    ]
    assert {m["test"] for m in measurements} == {key.partition("#")[0] for key in verdicts}
    leftovers = [path for path in suite.path.rglob(".*.json*") if path.is_file()]
    assert leftovers == []


def test_regression_fails_with_workers(suite):
    suite.tests()
    assert suite.run("--trtperf-update", "-n2").ret == 0
    suite.model(layers=60)
    result = suite.run("-n2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_perf.py::test_model: * regressed*"])


def test_stale_and_uncollected_entries_are_found_with_workers(suite):
    suite.record("-k", "not misses")
    suite.tests(FOUR_TESTS.replace("[16, 64]", "[64]").replace('"wide"', '"broad"'))
    result = suite.run("--trtperf-update", "-n2", "--dist=loadgroup")
    result.stdout.fnmatch_lines(
        [
            "stale *removed*: test_perf.py::test_keeps#wide",
            "*not collected (1; trtperf baseline prune *): test_perf.py::test_passes[[]16]",
        ]
    )
    names = ("test_passes[16]", "test_passes[64]", "test_keeps#broad")
    assert set(suite.baselines()) == {f"test_perf.py::{name}" for name in names}


# Only time that passes shows it.
@pytest.mark.usefixtures("on_cpu")
def test_rounds_of_different_workers_never_overlap(suite):
    suite.tests(IN_TURNS)
    suite.run("-n2", "--trtperf-json=run.json", *NO_WARM_UP, "-v").stdout.fnmatch_lines(["*gw1*"])
    measurements = suite.measurements()
    assert len(measurements) == 4
    rounds = [(r["started"], r["ended"]) for m in measurements for r in rounds_of(m)]
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(sorted(rounds)))


@pytest.mark.usefixtures("on_cpu")
def test_rounds_of_two_runs_never_overlap(suite):
    suite.tests(IN_TURNS)
    suite.pytester.makeconftest(BARRIER)
    runs = [suite.start(f"--trtperf-json={name}.json", *NO_WARM_UP) for name in ("a", "b")]
    for run in runs:
        output, _ = run.communicate(timeout=300)
        assert run.returncode == 0, output
    first, second = (
        [
            (round["started"], round["ended"])
            for measurement in suite.measurements(f"{name}.json")
            for round in rounds_of(measurement)
        ]
        for name in ("a", "b")
    )
    assert all(a[1] <= b[0] or b[1] <= a[0] for a in first for b in second)
    # They ran at the same time, or nothing was shown.
    assert first[0] < second[-1]
    assert second[0] < first[-1]


def test_each_is_refused(suite):
    result = suite.run("--tx=2*popen", "--dist=each")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --dist=each *trtperf merge*"])


@pytest.mark.parametrize("options", [("-n2",), ("-n1", "--max-worker-restart=0")], ids=" ".join)
def test_a_worker_that_crashes_loses_its_running_test_only(suite, options):
    tests = """
        import os, signal

        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(trt_engine, trt_measure, number):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            if number == 3 and %s:
                os.kill(os.getpid(), signal.SIGKILL)
        """
    suite.tests(tests % False)
    suite.record()
    suite.tests(tests % True)
    # What was deselected is not stale, although a worker that crashed cannot say so.
    chosen = ("-k", "1 or 2 or 3")
    result = suite.run(*options, *chosen, "--trtperf-update", "--trtperf-json=run.json")
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == 1
    finished = [f"test_perf.py::test_it[{number}]" for number in (1, 2)]
    assert [one["key"] for one in suite.measurements()] == finished
    result.stdout.fnmatch_lines([f"{key.replace('[', '[[]')} * measured" for key in finished])
    (run,) = read_runs(suite.path / "run.json")
    assert [one.outcome for one in run.tests] == ["passed", "passed", "failed"]
    assert "crashed" in run.tests[2].reason
    entries = suite.baselines()
    assert set(entries) == {f"test_perf.py::test_it[{number}]" for number in range(4)}
    assert [len(entries[key]["runs"]) for key in sorted(entries)] == [1, 2, 2, 1]


def test_ctrl_c_keeps_what_is_finished(suite):
    suite.tests(
        """
        import time
        from pathlib import Path

        def test_first(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})

        def test_second():
            while not Path("reported").exists():
                time.sleep(0.01)
            Path("started").touch()
            time.sleep(60)
        """
    )
    suite.pytester.makeconftest(
        """
        from pathlib import Path

        import pytest

        class Controller:
            @pytest.hookimpl(trylast=True)
            def pytest_runtest_logreport(self, report):
                if report.when == "call" and "test_first" in report.nodeid:
                    Path("reported").touch()

        def pytest_configure(config):
            if not hasattr(config, "workerinput"):
                config.pluginmanager.register(Controller())
        """
    )
    with suite.start("-n1", "--trtperf-json=run.json", "--trtperf-update") as child:
        wait_for(suite.path / "started")
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        output, _ = child.communicate(timeout=300)
    assert child.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "test_perf.py::test_first " in output
    assert [one["key"] for one in suite.measurements()] == ["test_perf.py::test_first"]
    assert set(suite.baselines()) == {"test_perf.py::test_first"}
