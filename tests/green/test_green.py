"""However a test is written, chosen, configured or stopped: no slower model is green in silence.

Where a run is green all the same, since somebody asked for it, it says what was not compared.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.green.way import FAILED, Way, module
from tests.green.ways import WAYS
from tests.in_process import make_importable, run_in_process

PLUGIN = """
from pathlib import Path
from pytest_trtperf.testing import FakeBackend, FakeGpu, lognormal

def latency(model):
    return float(Path(model).read_text())

def pytest_trtperf_backends(config):
    return [FakeBackend(noise=lognormal(0.01, 0.0005), latency_of=latency, gpu=FakeGpu())]
"""
THEN, NOW = "2.0", "2.6"


class Repository:
    """A model, its test and its baseline."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def write(self, way: Way, source: str, milliseconds: str) -> None:
        path = self._pytester.path
        (path / "slow_gpu.py").write_text(PLUGIN)
        (path / "model.onnx").write_text(milliseconds)
        (path / "pytest.ini").write_text("\n".join(["[pytest]", *way.ini]) + "\n")
        (path / "test_perf.py").write_text(module(source))
        for name, text in way.files.items():
            (path / name).write_text(module(text))

    def run(self, *arguments: str, process: bool = False) -> pytest.RunResult:
        command = ("-p", "slow_gpu", "--trtperf", *arguments)
        if process:
            return self._pytester.runpytest_subprocess(*command, timeout=120)
        return run_in_process(self._pytester, *command)


@pytest.fixture
def repository(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An empty one, with a cache and locks of its own."""
    state = pytester.path.parent / f"{pytester.path.name}-state"
    make_importable(pytester.path, monkeypatch)
    monkeypatch.setenv("TRTPERF_BACKEND", "fake")
    monkeypatch.setenv("TRTPERF_LOCK_DIR", str(state / "locks"))
    monkeypatch.setenv("TRTPERF_CACHE_DIR", str(state / "cache"))
    (pytester.path / "perf-baselines").mkdir()
    return Repository(pytester)


@pytest.mark.parametrize("name", WAYS)
def test_way(
    repository: Repository, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    check(WAYS[name], repository, pytester.path, monkeypatch)


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.with_workers])
def test_way_with_workers(
    repository: Repository, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pytest.importorskip("xdist")
    check(WAYS[name], repository, pytester.path, monkeypatch, "-n2")


def check(
    way: Way, repository: Repository, path: Path, monkeypatch: pytest.MonkeyPatch, *more: str
) -> None:
    """Records, makes the model slower, runs, and compares with what the way has to give."""
    repository.write(way, way.recorded or way.body, THEN)
    recorded = repository.run("--trtperf-update")
    assert recorded.ret in (0, FAILED), recorded.outlines
    repository.write(way, way.body, NOW)
    way.prepare(path)
    for variable, value in way.environment.items():
        monkeypatch.setenv(variable, value)
    result = repository.run(*way.arguments, *more, process=way.process)
    output = "\n".join([*result.outlines, *result.errlines])
    assert result.ret == way.status, output
    for line in way.words:
        pytest.LineMatcher([*result.outlines, *result.errlines]).fnmatch_lines_random([line])
