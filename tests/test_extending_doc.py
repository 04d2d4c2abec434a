"""The extensions that docs/extending.md shows do what it says."""

from __future__ import annotations

import csv
import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.record.model import RUN_SCHEMA

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
# Of a backend that takes real time.
QUICK = (
    *("--trtperf-round-ms=60", "--trtperf-round-queries=20"),
    *("--trtperf-warm-up-ms=100", "--trtperf-max-warm-up=0.5"),
)
TESTS = """
    def test_keeps(trt_engine, trt_measure):
        trt_measure(trt_engine("model.bin"), shapes={"x": (8,)}).assert_p99(ms=5000)

    def test_misses(trt_engine, trt_measure):
        trt_measure(trt_engine("model.bin"), shapes={"x": (8,)}).assert_p99(ms=1e-4)
"""

Run = Callable[..., pytest.RunResult]


def code_of(section: str) -> str:
    """The only block of Python in a section of the page."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs pytest on two tests of a model, one of which misses its budget."""
    monkeypatch.setenv("TRTPERF_LOCK_DIR", str(pytester.path / "locks"))
    monkeypatch.setenv("TRTPERF_CACHE_DIR", str(pytester.path / "cache"))
    pytester.makeini("[pytest]")
    pytester.makepyfile(test_perf=TESTS)
    pytester.path.joinpath("model.bin").write_bytes(b"model")

    def run(*arguments: str) -> pytest.RunResult:
        command = ("--trtperf", "--trtperf-backend=fake", *arguments)
        return pytester.runpytest_subprocess(*command, timeout=300)

    return run


MLFLOW = """
    import contextlib, json, sys, types

    CALLS = []

    @contextlib.contextmanager
    def start_run(run_name, tags):
        CALLS.append(["run", run_name, tags])
        yield
        CALLS.append(["end"])
        with open("calls.json", "w") as file:
            json.dump(CALLS, file)

    sys.modules["mlflow"] = types.SimpleNamespace(
        start_run=start_run,
        log_metric=lambda key, value: CALLS.append([key, value]),
        log_dict=lambda content, name: CALLS.append([name, content["schema"]]),
    )
"""
"""What the page calls of MLflow."""

WANDB = """
    import contextlib, json, sys, types

    @contextlib.contextmanager
    def init(project, name, config):
        summary = {}
        yield types.SimpleNamespace(summary=summary)
        with open("calls.json", "w") as file:
            json.dump([project, config, summary], file)

    sys.modules["wandb"] = types.SimpleNamespace(init=init)
"""


def tracked(pytester: pytest.Pytester, run: Run, server: str, number: int) -> Any:
    """What a server in the place of a real one is given in a run."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## MLflow")[2].partition("\n## ")[0]
    block = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[number]
    assert len(block.splitlines()) <= 20
    pytester.makeconftest(textwrap.dedent(server) + block + code_of("Tests without a device"))
    assert run("-k", "keeps").ret == 0
    return json.loads((pytester.path / "calls.json").read_text())


def test_mlflow(pytester: pytest.Pytester, run: Run) -> None:
    (begin, _, tags), *metrics, record, end = tracked(pytester, run, MLFLOW, 0)
    assert (begin, tags["backend"], end) == ("run", "fake", ["end"])
    assert [name for name, _ in metrics] == [
        f"test_perf.py_test_keeps/{name}" for name in ("median_ms", "p99_ms", "qps")
    ]
    assert all(value > 0 for _, value in metrics)
    assert record == ["trtperf.json", RUN_SCHEMA]


def test_weights_and_biases(pytester: pytest.Pytester, run: Run) -> None:
    project, about, summary = tracked(pytester, run, WANDB, 1)
    assert (project, about["backend"]) == ("performance", "fake")
    assert set(summary) == {
        f"test_perf.py::test_keeps/{name}" for name in ("median_ms", "p99_ms", "qps")
    }


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=str)
def test_a_sink(pytester: pytest.Pytester, run: Run, workers: tuple[str, ...]) -> None:
    pytester.makeconftest(code_of("A sink") + code_of("Tests without a device"))
    assert run(*workers).ret == 1
    assert run("-k", "keeps", *workers).ret == 0
    with open(pytester.path / "runs.csv", newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert (first["measured"], first["failed"]) == ("2", "test_perf.py::test_misses")
    assert (second["measured"], second["failed"]) == ("1", "")
    assert [one["exit_status"] for one in (first, second)] == ["1", "0"]
    assert (first["backend"], first["device"]) == ("fake", "Fake GPU")


def test_a_sink_does_no_harm_without_the_plugin(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(code_of("A sink"))
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess("-p", "no:trtperf")
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=str)
def test_a_backend(pytester: pytest.Pytester, run: Run, workers: tuple[str, ...]) -> None:
    pytester.makeconftest(code_of("A backend"))
    pytester.path.joinpath("model.py").write_text("def query():\n    sum(range(10_000))\n")
    pytester.makepyfile(
        test_perf="""
        def test_keeps(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.py"))
            perf.assert_p99(ms=5000)
            assert perf.metrics == ("latency", "response")
        """
    )
    result = run("--trtperf-backend=python", *QUICK, *workers)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["trtperf: python on cpu:*", "*test_keeps*pass*"])


def test_a_backend_without_a_device(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(code_of("Tests without a device"))
    pytester.makepyfile(
        test_perf="""
        def test_stages_and_layers(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.bin"))
            perf.assert_p99(ms=2.2)
            assert abs(perf.summary("gpu_compute").median - 1.6) < 0.05
            assert [layer.name for layer in perf.layers()] == ["conv", "relu"]
        """
    )
    result = run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["trtperf: fake on Fake GPU*", "*test_stages_and_layers*pass*"])
