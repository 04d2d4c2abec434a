"""The factory with real builds of TensorRT for RTX; only loading a plan takes a GPU."""

from __future__ import annotations

import fcntl
import io
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf import engine_factory, engines
from pytest_trtperf.engine.build import build_plan
from pytest_trtperf.engine.cache import PlanCache
from pytest_trtperf.engine.file_locks import unused
from pytest_trtperf.engine.spec import EngineSpec, parse_profiles
from pytest_trtperf.engine.timing_cache import TimingCacheFile
from pytest_trtperf.engine_factory import EngineFactory
from pytest_trtperf.errors import CacheError, EngineBuildError, EngineLoadError, MeasurementError
from pytest_trtperf.report.progress_line import ProgressLine
from pytest_trtperf.run import Run, Target
from pytest_trtperf.runtime.load_options import LoadOptions
from pytest_trtperf.runtime.probe import Gpu, Probe
from pytest_trtperf.runtime.session import Mode
from pytest_trtperf.settings import Settings

trt = pytest.importorskip("tensorrt_rtx")

RANGE = {"x": ("1x256", "2x256", "8x256")}
LAYERS = [{"Name": "a", "Outputs": [{"Format/Datatype": "Half"}]}]


class Loaded:
    """In place of the process that would load the plan on a GPU."""

    inspected = 0

    def __init__(
        self,
        backend: str,
        plan: bytes,
        runtime_cache: bytes | None = None,
        load: LoadOptions | None = None,
    ) -> None:
        self.plan, self.load, self.kernels = plan, load, runtime_cache

    def create_session(self, *_: object) -> object:
        return object()

    def new_runtime_cache(self) -> bytes:
        return b"kernels"

    def inspect(self) -> list[dict[str, Any]]:
        type(self).inspected += 1
        return LAYERS

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def factory(tmp_path, monkeypatch, write_model):
    write_model(tmp_path / "model.onnx")
    monkeypatch.setattr(engine_factory, "IsolatedEngine", Loaded)
    monkeypatch.setattr(Loaded, "inspected", 0)
    made: list[EngineFactory] = []

    def make(backend: str = "tensorrt-rtx", line: ProgressLine | None = None) -> EngineFactory:
        gpu = Gpu(0, "NVIDIA L4", "GPU-0", "8.9")
        settings = Settings(cache_dir=tmp_path / "cache", lock_dir=tmp_path / "locks")
        target = Target(Probe(backend, trt.__version__, (gpu,)))
        made.append(EngineFactory(Run(settings, target, tmp_path), line))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_several_builds_are_plans_of_their_own(factory, tmp_path):
    make = factory()
    engine = make("model.onnx", RANGE, builds=3)
    assert engine.builds[0] == engine
    assert len({build.key for build in engine.builds}) == 3
    assert all(build.built for build in engine.builds)
    assert len(list((tmp_path / "cache").glob("*.plan"))) == 3
    # One that is asked for alone is the first of them.
    assert make("model.onnx", RANGE).key == engine.key
    again = factory()("model.onnx", RANGE, builds=3)
    assert [build.built for build in again.builds] == [False] * 3


def test_how_a_plan_is_loaded_makes_another_engine_of_the_same_plan(factory, tmp_path):
    make = factory()
    shapes = [{"x": "1x256"}, {"x": "8x256"}]
    first = make("model.onnx", shapes)
    second = make("model.onnx", shapes, optimization_profile=1)
    assert first.key == second.key
    assert first.digest != second.digest
    assert first.plan_sha256 == second.plan_sha256
    assert second.loaded.load == LoadOptions(optimization_profile=1)
    assert len(list((tmp_path / "cache").glob("*.plan"))) == 1


def test_a_plan_takes_what_matters_when_it_is_loaded(factory, tmp_path):
    (tmp_path / "named.plan").write_bytes(b"plan")
    make = factory()
    engine = make("named.plan", engine_host_code_allowed=True, weight_streaming_budget_mib=1)
    assert engine.loaded.plan == b"plan"
    assert engine.loaded.load == LoadOptions(
        engine_host_code_allowed=True, weight_streaming_budget=1 << 20
    )
    assert make("named.plan").digest != engine.digest
    assert make.from_trtexec("--loadEngine=named.plan").digest == make("named.plan").digest
    with pytest.raises(ValueError, match=r"takes no shapes, builds, tf32; drop them"):
        make("named.plan", RANGE, builds=2, tf32=True)
    with pytest.raises(ValueError, match="builds='2': give 1 or more"):
        make("named.plan", builds="2")
    with pytest.raises(EngineLoadError, match=r"absent\.plan: the plan cannot be read"):
        make("absent.plan")


def test_options_that_do_not_go_together_are_told_although_the_plan_is_in_the_cache(factory):
    make = factory()
    make("model.onnx", RANGE)
    with pytest.raises(ValueError, match="needs weight_streaming=True"):
        make("model.onnx", RANGE, weight_streaming_budget_mib=1)
    with pytest.raises(EngineBuildError, match=r"option dtype=.*ONNX file decides"):
        make("model.onnx", RANGE, dtype={"x": "half"})


def test_layers_are_asked_for_once_and_kept_with_the_plan(factory):
    engine = factory()("model.onnx", RANGE)
    assert engine.precision == {"fp16": 1}
    assert engine.layers == LAYERS
    again = factory()("model.onnx", RANGE)
    assert again.layers == LAYERS
    assert Loaded.inspected == 1


def test_layers_without_types_have_no_precision(factory, monkeypatch):
    monkeypatch.setattr(Loaded, "inspect", lambda _: [{"Name": "a"}])
    engine = factory()("model.onnx", RANGE)
    with pytest.raises(MeasurementError, match="build the engine with profiling_verbosity="):
        _ = engine.precision


@pytest.mark.skipif(not hasattr(trt.BuilderFlag, "FP16"), reason="no longer has precisions")
def test_a_trtexec_command_keeps_the_typing_that_trtexec_has(factory, monkeypatch):
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(EngineFactory, "_engine", lambda _, spec: seen.append(dict(spec.options)))
    factory().from_trtexec("--onnx=model.onnx")
    assert seen == [{}]
    # Bindings with BuilderFlag.FP16 by another name are those of a TensorRT that may choose.
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", trt)
    factory("tensorrt").from_trtexec("--onnx=model.onnx --fp16")
    factory("tensorrt").from_trtexec("--onnx=model.onnx --stronglyTyped")
    assert seen[1:] == [{"strongly_typed": False, "fp16": True}, {"strongly_typed": True}]


def test_a_plan_of_trtexec_keeps_the_typing_it_was_built_with(factory, tmp_path, monkeypatch):
    (tmp_path / "named.plan").write_bytes(b"plan")
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", trt)
    engine = factory("tensorrt").from_trtexec("--loadEngine=named.plan --useProfile=1")
    assert engine.loaded.load == LoadOptions(optimization_profile=1)


def test_a_trtexec_command_gives_shapes_unless_the_call_does(factory):
    make = factory()
    expected = make("model.onnx", RANGE)
    assert make.from_trtexec("--onnx=model.onnx", shapes=RANGE) == expected
    with pytest.raises(ValueError, match=r"both shapes= and trtexec's command give shapes"):
        make.from_trtexec("--onnx=model.onnx --optShapes=x:1x256", shapes=RANGE)


def test_files_of_options_are_found_in_rootdir(factory, tmp_path, monkeypatch):
    (tmp_path / "timing.cache").write_bytes(b"timed")
    seen: list[Any] = []
    monkeypatch.setattr(EngineFactory, "_engine", lambda _, spec: seen.append(spec.options))
    factory()("model.onnx", timing_cache=Path("timing.cache"))
    assert seen == [{"timing_cache": str(tmp_path / "timing.cache")}]


def test_a_timing_cache_that_is_named_is_only_read(factory, tmp_path, monkeypatch):
    seen: list[TimingCacheFile] = []

    def build(_spec: EngineSpec, _backend: str, timings: TimingCacheFile, *_: Any) -> bytes:
        seen.append(timings)
        return b"plan"

    monkeypatch.setattr(engine_factory, "build_plan", build)
    named = tmp_path / "ours.timing"
    named.write_bytes(b"timed")
    make = factory("tensorrt")
    make("model.onnx", RANGE, timing_cache=named)
    make("model.onnx", RANGE, timing_cache=True)
    assert [timings.is_kept for timings in seen] == [False, True]
    assert not any(timings.shared for timings in seen)
    assert [timings.path.parent for timings in seen] == [tmp_path, tmp_path / "cache"]


def test_a_build_leaves_its_log_beside_the_plan(factory, tmp_path):
    engine = factory()("model.onnx", RANGE)
    lines = (tmp_path / "cache" / f"{engine.key}.log").read_text().splitlines()
    assert any(line.startswith("INFO: Input filename:") for line in lines)
    assert not any(line.startswith("VERBOSE") for line in lines)


def test_a_failed_build_leaves_its_log_and_names_it(factory, tmp_path):
    onnx = pytest.importorskip("onnx")
    ends = [onnx.helper.make_tensor_value_info(name, 1, [2]) for name in "xy"]
    nodes = [onnx.helper.make_node("Nope", ["x"], ["y"])]
    graph = onnx.helper.make_graph(nodes, "graph", ends[:1], ends[1:])
    onnx.save(onnx.helper.make_model(graph, ir_version=8), tmp_path / "unknown.onnx")
    with pytest.raises(EngineBuildError) as failure:
        factory()("unknown.onnx")
    (path,) = (tmp_path / "cache").glob("*.log")
    assert str(failure.value).endswith(f"\n  the whole log: {path}")
    assert "ERROR: " in path.read_text()


def test_a_model_that_changes_while_it_is_built_leaves_no_plan(factory, tmp_path, monkeypatch):
    model = tmp_path / "model.onnx"

    def overtaken(spec: EngineSpec, *rest: Any) -> bytes:
        plan = build_plan(spec, *rest)
        model.write_bytes(model.read_bytes() + b"\x12\x01x")  # another producer_name
        return plan

    with monkeypatch.context() as patch:
        patch.setattr(engine_factory, "build_plan", overtaken)
        with pytest.raises(EngineBuildError, match=r"model\.onnx: this file, .* changed while"):
            factory()("model.onnx", RANGE)
    assert not list((tmp_path / "cache").glob("*.plan"))
    assert factory()("model.onnx", RANGE).built


def test_a_copy_of_a_model_is_the_same_engine_of_another_name(factory, tmp_path):
    make = factory()
    first = make("model.onnx", RANGE)
    (tmp_path / "copy").write_bytes((tmp_path / "model.onnx").read_bytes())
    copy = make("copy", RANGE)
    assert (copy.name, copy.digest, copy.loaded) == ("copy", first.digest, first.loaded)
    assert make("model.onnx", RANGE) is first


def test_a_model_that_changed_since_is_no_reference(factory, tmp_path):
    engine = factory()("model.onnx", RANGE)
    with (tmp_path / "model.onnx").open("ab") as file:
        file.write(b"\x12\x01x")
    with pytest.raises(EngineBuildError, match=r"changed since this engine.*pass reference="):
        engine.assert_close(shapes={"x": (2, 256)})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "empty"), (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer")],
)
def test_what_holds_no_plan_is_told_with_its_path(factory, tmp_path, content, complaint):
    (tmp_path / "m.ENGINE").write_bytes(content)
    with pytest.raises(EngineLoadError, match=rf"m\.ENGINE: there is no plan.* {complaint}"):
        factory()("m.ENGINE")


@pytest.mark.parametrize("name", ["named.plan", "model.onnx"])
def test_errors_of_loading_name_the_plan(factory, tmp_path, monkeypatch, name):
    def refuse(*_: object, **__: object) -> None:
        raise EngineLoadError("TensorRT refuses it")

    (tmp_path / "named.plan").write_bytes(b"plan")
    monkeypatch.setattr(Loaded, "__init__", refuse)
    with pytest.raises(EngineLoadError, match=r"\.plan: TensorRT refuses it"):
        factory()(name, RANGE if name.endswith(".onnx") else None)


def test_whoever_waits_for_a_build_is_told_and_keeps_the_device_free(factory, tmp_path):
    shown = io.StringIO()
    make = factory(line=ProgressLine(shown))
    spec = EngineSpec(tmp_path / "model.onnx", parse_profiles(RANGE))
    key = spec.digest("tensorrt-rtx", trt.__version__, "NVIDIA L4 8.9")
    (tmp_path / "cache").mkdir(0o700)
    lock = (tmp_path / "cache" / f"{key}.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(make, "model.onnx", RANGE)
        while "another process, which builds model.onnx" not in shown.getvalue():
            assert not asked.done()
            time.sleep(0.01)
        assert not make.lock.is_locked
        lock.close()
        assert asked.result().built
    assert make.take_waited() > 0


@pytest.mark.parametrize("name", [b"m\xff.onnx", b"m\0.onnx"])
def test_a_path_that_nothing_opens_is_refused(factory, name):
    with pytest.raises(ValueError, match="no path that is not UTF-8 or has a NUL"):
        factory()(os.fsdecode(name))


def test_kernels_that_were_compiled_for_a_plan_are_kept_with_it(factory):
    engine = factory()("model.onnx", RANGE)
    assert engine.loaded.kernels is None
    engine.create_session({}, Mode())
    assert factory()("model.onnx", RANGE).loaded.kernels == b"kernels"


def test_a_cache_that_cannot_be_written_costs_what_it_would_have_kept(factory, monkeypatch):
    def refuse(*_: object) -> None:
        raise CacheError("read-only")

    engine = factory()("model.onnx", RANGE)
    monkeypatch.setattr(PlanCache, "store_layers", refuse)
    monkeypatch.setattr(PlanCache, "store_runtime_cache", refuse)
    assert engine.layers == LAYERS
    assert engine.create_session({}, Mode())


def test_the_device_is_held_by_whoever_works_on_it(factory, monkeypatch):
    make = factory()
    held: list[str] = []

    def work(name: str, result: Any = None) -> Callable[..., Any]:
        def called(*_: object, **__: object) -> Any:
            if make.lock.is_locked:
                held.append(name)
            return result

        return called

    monkeypatch.setattr(engine_factory, "build_plan", work("build", b"plan"))
    monkeypatch.setattr(Loaded, "inspect", work("inspect", LAYERS))
    monkeypatch.setattr(engines, "assert_close", work("compare"))
    engine = make("model.onnx", RANGE)
    assert engine.layers == LAYERS
    engine.assert_close(engine)
    assert held == ["build", "inspect", "compare"]
    assert not make.lock.is_locked


def test_plans_are_in_use_until_the_factory_is_closed(factory, tmp_path):
    make = factory()
    make("model.onnx", RANGE)
    (plan,) = (tmp_path / "cache").glob("*.plan")
    with unused(plan) as nobody:
        assert not nobody
    make.close()
    with unused(plan) as nobody:
        assert nobody


def test_a_cache_that_is_refused_is_not_waited_for(factory, tmp_path):
    make = factory()
    spec = EngineSpec(tmp_path / "model.onnx", parse_profiles(RANGE))
    key = spec.digest("tensorrt-rtx", trt.__version__, "NVIDIA L4 8.9")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    with (tmp_path / "cache" / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CacheError, match="other users may write to this engine cache"):
            make("model.onnx", RANGE)


def test_the_same_file_by_another_path_is_the_same_engine(factory, tmp_path, monkeypatch):
    make = factory()
    monkeypatch.chdir(tmp_path)
    engine = make("model.onnx", RANGE)
    assert make(tmp_path / "model.onnx", RANGE) is engine
    monkeypatch.chdir("/")
    with pytest.raises(AttributeError, match="inputs"):  # it was found; `Loaded` has no inputs
        engine.assert_close(shapes={"x": (2, 256)})
