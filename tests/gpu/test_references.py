"""References with real plans: kept, and measured once their model was rewritten."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)
from pytest_trtperf.fixtures.engine import Engine, prepared
from pytest_trtperf.fixtures.engine_store import EngineStore
from pytest_trtperf.fixtures.reference_engine import NoReference, ReferenceEngine
from pytest_trtperf.fixtures.trt_engine import TrtEngine, store_of
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.values import ReferencePlace
from pytest_trtperf.run.invocation import Invocation
from pytest_trtperf.run.run import Run
from pytest_trtperf.run.target import Target

RANGE = {"x": ("1x64", "8x64", "32x64")}
SHAPES = {"x": (8, 64)}
EXTENT = Extent(50.0, 100, 100_000)
NAME = "test_perf.py::test_model"
TEST = """
def test_model(trt_engine, trt_measure):
    engine = trt_engine("m.onnx", shapes={"x": ("1x64", "8x64", "32x64")})
    trt_measure(engine, shapes={"x": (8, 64)})
"""


@pytest.fixture
def start(
    probe: Probe, tmp_path: Path, write_model: Callable[..., Path]
) -> Iterator[Callable[..., TrtEngine]]:
    """Starts a run whose rootdir has a model of so many layers."""
    made: list[TrtEngine] = []

    def start(layers: int, **options: Any) -> TrtEngine:
        write_model(tmp_path / "m.onnx", layers=layers, width=64)
        places = {"cache_dir": tmp_path / "cache", "lock_dir": tmp_path / "locks"}
        invocation = Invocation(tmp_path, None, ("-p", "pytest_trtperf.plugin"))
        run = Run(Settings(**places | options), Target(probe), tmp_path, invocation=invocation)
        made.append(TrtEngine(EngineStore(run)))
        return made[-1]

    yield start
    for one in made:
        store_of(one).close()


def find(make: TrtEngine, engine: Engine, baseline: Engine | None) -> Any:
    entry = None
    if baseline is not None:
        round = BaselineRound(queries=500, throughput=1.0, quantiles={"latency": [1.0] * 21})
        run = BaselineRun(
            recorded="2026-01-02T03:04:05Z", plan=baseline.plan_sha256, software={},
            sessions=[BaselineSession(rounds=[round])],
        )  # fmt: skip
        shapes = {name: list(shape) for name, shape in SHAPES.items()}
        entry = BaselineEntry(engine=baseline.digest, mode={}, shapes=shapes, runs=[run])
    subject: Any = SimpleNamespace(test=NAME, module="test_perf.py", key=NAME, baseline=entry)
    settings = store_of(make)._run.settings
    return store_of(make).references.find(subject, prepared(engine), SHAPES, settings)


def measure(engine: Any) -> float:
    session = engine.create_session(SHAPES, Mode())
    try:
        trace = session.run_closed(EXTENT)
        assert session.kernels is None or session.kernels.state in ("cached", "fresh")
        return float(trace.throughput)
    finally:
        session.close()


def test_a_kept_plan_is_measured_beside_the_new_one(start: Callable[..., TrtEngine]) -> None:
    make = start(layers=2)
    old = make("m.onnx", RANGE)
    measure(prepared(old))
    assert store_of(make).references.keep(prepared(old)) is None
    make = start(layers=40)
    new = make("m.onnx", RANGE)
    found = find(make, new, old)
    assert isinstance(found, ReferenceEngine)
    assert found.prepared.plan_sha256 == old.plan_sha256
    # 20 times as many layers: no noise turns that around.
    assert measure(found) > measure(prepared(new))


def test_a_damaged_plan_is_not_measured(start: Callable[..., TrtEngine], tmp_path: Path) -> None:
    make = start(layers=2)
    old = make("m.onnx", RANGE)
    assert store_of(make).references.keep(prepared(old)) is None
    (plan,) = (tmp_path / "cache" / "references").glob("*/engine.plan")
    plan.write_bytes(plan.read_bytes()[:-1] + b"x")
    make = start(layers=3)
    found = find(make, make("m.onnx", RANGE), old)
    assert isinstance(found, NoReference)
    assert found.reason.endswith("has a plan that does not match its SHA-256")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_a_revision_asks_for_is_built_and_measured(
    start: Callable[..., TrtEngine], tmp_path: Path
) -> None:
    start(layers=2)
    (tmp_path / "test_perf.py").write_text(TEST)
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "m.onnx", "test_perf.py"], ["commit", "-qm", "m"]):
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True)
    make = start(layers=40, reference=ReferencePlace("git", "HEAD"))
    new = make("m.onnx", RANGE)
    found = find(make, new, None)
    assert isinstance(found, ReferenceEngine), found
    assert found.differences == []
    assert measure(found) > measure(prepared(new))
