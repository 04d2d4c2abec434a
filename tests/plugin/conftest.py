"""A model repository in small, on which `pytest --trtperf` runs: on a fake GPU, or on the CPU."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.backend.onnxruntime.backend import OnnxRuntimeBackend
from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.probe import Probe
from tests.in_process import make_importable, run_in_process
from tests.plugin.tables import TABLE, write

HASTY = "--trtperf-max-warm-up=0.02"
PLUGINS = Path(__file__).parent / "plugins"
ON_GPU = ("-p", "fake_gpu")
ON_CPU = (
    "--trtperf-round-ms=50",
    "--trtperf-round-queries=20",
    "--trtperf-warm-up-ms=20",
    "--trtperf-max-warm-up=5",
    "--trtperf-max-time=2",
    "--trtperf-tolerance=0.99",
)

ONE_TEST = """
    def test_model(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        trt_measure(engine, shapes={{"x": ({batch}, 256)}})
"""


class Project:
    """The repository's files, and runs of pytest in it.

    Attributes:
        options: of each run.
    """

    def __init__(
        self, pytester: pytest.Pytester, write_model: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.pytester, self._write_model, self._monkeypatch = pytester, write_model, monkeypatch
        self.path = pytester.path
        self.options: tuple[str, ...] = ON_GPU
        self._runs = itertools.count()

    def model(self, name: str = "model", **how: Any) -> Path:
        """Writes `<name>.onnx`."""
        written: Path = self._write_model(self.path / f"{name}.onnx", **how)
        return written

    def tests(self, source: str | None = None, name: str = "test_perf", batch: int = 64) -> Path:
        """Writes a test module; without a source one that measures the model."""
        return self.pytester.makepyfile(**{name: source or ONE_TEST.format(batch=batch)})

    def ini(self, *lines: str) -> Path:
        """Writes the ini file."""
        return self.pytester.makeini("\n".join(["[pytest]", *lines]))

    def run(self, *arguments: str, process: bool = False) -> pytest.RunResult:
        """`pytest --trtperf`, in this process unless asked otherwise."""
        command = ("--trtperf", *self.options, *arguments)
        self._monkeypatch.setenv("FAKE_GPU_SEED", f"{next(self._runs)}")
        if process:
            return self.pytester.runpytest_subprocess(*command, timeout=300)
        return run_in_process(self.pytester, *command)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same in a process that goes on meanwhile, in a session of its own."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--trtperf"]
        return subprocess.Popen(
            [*command, *self.options, *arguments], cwd=self.path, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def measurements(self, name: str = "run.json") -> list[dict[str, Any]]:
        """Those of a record."""
        content = json.loads((self.path / name).read_text())
        found: list[dict[str, Any]] = content["measurements"]
        return found

    def record(self, *arguments: str, process: bool = False) -> None:
        """Records baselines."""
        assert self.run("--trtperf-update", *arguments, process=process).ret == 0

    def baseline_files(self) -> list[Path]:
        """All baseline files."""
        return sorted((self.path / "perf-baselines").rglob("*.json"))

    def baselines(self) -> dict[str, Any]:
        """The entries of all baseline files."""
        entries: dict[str, Any] = {}
        for path in self.baseline_files():
            entries.update(json.loads(path.read_text())["entries"])
        return entries


@pytest.fixture(scope="session")
def probed() -> Probe:
    """What ONNX Runtime's own process finds here, the same for each run."""
    return OnnxRuntimeBackend().probe()


@pytest.fixture
def project(
    pytester: pytest.Pytester, write_model: Any, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """An empty repository with locks and cache of its own; it runs on a fake GPU."""
    state = pytester.path.parent / f"{pytester.path.name}-state"
    make_importable(PLUGINS, monkeypatch)
    monkeypatch.setenv("FAKE_GPU_SEED", "0")
    monkeypatch.setenv("TRTPERF_BACKEND", "fake")
    monkeypatch.setenv("TRTPERF_LOCK_DIR", str(state / "locks"))
    monkeypatch.setenv("TRTPERF_CACHE_DIR", str(state / "cache"))
    project = Project(pytester, write_model, monkeypatch)
    # Without these, what lies in a folder above would take their place.
    project.ini()
    pytester.mkdir("perf-baselines")
    return project


@pytest.fixture
def on_cpu(project: Project, monkeypatch: pytest.MonkeyPatch, probed: Probe) -> None:
    """The project runs with ONNX Runtime on the CPU, in short rounds."""
    # A process for each run takes a third of its time; runs in other processes start theirs.
    monkeypatch.setattr(OnnxRuntimeBackend, "probe", lambda _: probed)
    monkeypatch.setenv("TRTPERF_BACKEND", "onnxruntime")
    project.options = ON_CPU


@pytest.fixture
def on_cpu_here(on_cpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, where a run in this process starts no others for its sessions."""
    monkeypatch.setattr(
        OnnxRuntimeBackend, "load_model", lambda _, spec: OnnxRuntimeEngine(spec.onnx, spec.profile)
    )


@pytest.fixture
def repository(project: Project) -> Project:
    """One model, and one test that measures it."""
    project.model()
    project.tests()
    return project


@pytest.fixture
def zoo(project: Project) -> Project:
    """A repository with a table of three models."""
    for name in ("models/net", "zoo/a", "zoo/b"):
        (project.path / name).parent.mkdir(exist_ok=True)
        project.model(name)
    write(project, TABLE)
    project.ini("markers = nightly: of the night")
    return project


@pytest.fixture
def measure(project: Project) -> Callable[..., Any]:
    """Runs a test that measures with these arguments; gives result and record."""

    def run(arguments, *options, mark="", before="pass"):
        project.tests(
            f"""
            from pathlib import Path
            import numpy as np
            import pytest

            {mark}
            def test_model(trt_engine, trt_measure):
                {before}
                trt_measure(trt_engine("model.onnx"), {arguments})
            """
        )
        result = project.run("--trtperf-json=run.json", "-Wdefault", HASTY, *options)
        records = json.loads((project.path / "run.json").read_text())["measurements"]
        return result, records[0] if records else None

    return run
