"""What all tests share: an environment without the plugin's variables, models and records."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_trtperf.options import DECLARED
from pytest_trtperf.run.ci import IS_CI, SERVICES

# Tests import what they share as `tests.…`, which pytest's import mode does not find by itself.
sys.modules.setdefault("tests", ModuleType("tests")).__path__ = [str(Path(__file__).parent)]

pytest_plugins = ["pytester", "tests.models", "tests.nfs", "tests.places"]

# A busy machine is no failure; tests/gpu does without hypothesis.
with contextlib.suppress(ImportError):
    from hypothesis import settings

    settings.register_profile("no-deadline", deadline=None)
    settings.load_profile("no-deadline")

WriteModel = Callable[..., Path]

METRICS = ("latency", "gpu_compute")
CI_VARIABLES = (
    *("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"),
    *(service.marker for service in SERVICES),
    *(service.commit for service in SERVICES),
    IS_CI,
)


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """The caller's TRTPERF_* variables configure this run, and none of the runs inside it.

    Nor does its terminal, for which tox sets COLUMNS: tables fit into it.
    """
    with pytest.MonkeyPatch.context() as patch:
        for option in DECLARED:
            patch.delenv(option.variable, raising=False)
        for name in (*CI_VARIABLES, "COLUMNS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """What a shell runs in the background ignores Ctrl-C, and so would all that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that all users may write to: pytest's own are closed to others."""
    above = Path(tempfile.mkdtemp(prefix="trtperf-"))
    above.chmod(0o755)
    folder = above / "folder"
    folder.mkdir()
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(above)


@pytest.fixture(scope="session")
def on_terminal() -> Callable[[Sequence[str]], str]:
    """Runs a command on a terminal of its own, and gives what it wrote there."""

    def run(command: Sequence[str]) -> str:
        terminal, its_end = pty.openpty()
        with subprocess.Popen(command, stdin=its_end, stdout=its_end, stderr=its_end):
            os.close(its_end)
            output = b""
            # How a terminal says that its process ended.
            with contextlib.suppress(OSError):
                while part := os.read(terminal, 4096):
                    output += part
        os.close(terminal)
        return output.decode()

    return run


@pytest.fixture(scope="session")
def make_measurement() -> Callable[..., Any]:
    """Makes the record of a measurement on a GPU: a session of five rounds around `level` ms.

    What is given of `rounds`, `set_aside` and `warm_up` is that of the session.
    """
    from pytest_trtperf.analysis.summary import QUANTILES
    from pytest_trtperf.record.model import (
        EngineRecord,
        MeasurementRecord,
        RoundRecord,
        SessionRecord,
    )

    def make(key: str = "tests/test_x.py::test_a", level: float = 1.0, **changes: Any) -> Any:
        engine = EngineRecord(name="m", backend="tensorrt", digest="d", plan_sha256="p")
        figures = {"count": 2500.0, "min": level, "max": level, "mean": level, "median": level}
        figures |= {"p90": level, "p95": level, "p99": level, "cov": 0.0}
        rounds = [
            RoundRecord(
                queries=500, throughput=1e3 / level / wobble, started=number, ended=number + 0.2,
                quantiles={name: [level * wobble] * len(QUANTILES) for name in METRICS},
                before={}, after={},
            )
            for number, wobble in enumerate((0.999, 1.001, 1.0, 1.0005, 0.9995))
        ]  # fmt: skip
        of_session: dict[str, Any] = {
            name: changes.pop(name)
            for name in ("rounds", "set_aside", "warm_up")
            if name in changes
        }
        session = SessionRecord(
            **{"cold_start_ms": 1.0, "warm_up": {}, "rounds": rounds, **of_session}
        )
        fields: dict[str, Any] = {
            "test": key.partition("#")[0], "key": key, "module": key.partition("::")[0],
            "baseline_dir": "perf-baselines", "device": "NVIDIA H200", "engine": engine,
            "shapes": {"x": [8]}, "mode": {"load": "closed"},
            "time_to_steady_s": 0.3, "energy_per_query_mj": None, "device_memory": {},
            "judged_metric": "latency", "summary": dict.fromkeys(METRICS, figures),
            "throughput": 1e3 / level, "sessions": [session], "layers": [],
            "verdicts": [], "findings": [], "baseline": "missing",
        }  # fmt: skip
        return MeasurementRecord(**{**fields, **changes})

    return make


@pytest.fixture(scope="session")
def make_run(make_measurement: Callable[..., Any]) -> Callable[..., Any]:
    """Makes the record of a run; without `measurements` it has one."""
    from pytest_trtperf.record.model import RunRecord

    def make(*measurements: Any, **changes: Any) -> Any:
        fields: dict[str, Any] = {
            "created": "2026-01-02T03:04:05Z", "plugin": "0.1.0", "pytest": "9.0.0",
            "commit": "c0ffee", "backend": "tensorrt", "device": "NVIDIA H200",
            "hardware_class": "nvidia-h200", "software": {"driver": "580.1"}, "exit_status": 0,
            "measurements": list(measurements or [make_measurement()]),
        }  # fmt: skip
        return RunRecord(**{**fields, **changes})

    return make


@pytest.fixture(scope="session")
def write_model() -> WriteModel:
    """Writes `y = tanh(tanh(x @ w) @ w)…`: layers share one weight, the batch is dynamic."""
    onnx = pytest.importorskip("onnx")
    import numpy as np

    def write(path: Path, layers: int = 1, width: int = 256, batch: int | str = "n") -> Path:
        helper, kind = onnx.helper, onnx.TensorProto.FLOAT
        values = np.random.default_rng(7).normal(0, width**-0.5, (width, width))
        nodes = []
        for layer in range(layers):
            source = f"h{layer}" if layer else "x"
            target = f"h{layer + 1}" if layer + 1 < layers else "y"
            nodes.append(helper.make_node("MatMul", [source, "w"], [f"m{layer}"]))
            nodes.append(helper.make_node("Tanh", [f"m{layer}"], [target]))
        graph = helper.make_graph(
            nodes,
            "chain",
            [helper.make_tensor_value_info("x", kind, [batch, width])],
            [helper.make_tensor_value_info("y", kind, [batch, width])],
            [onnx.numpy_helper.from_array(values.astype(np.float32), "w")],
        )
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path

    return write


@pytest.fixture(scope="session")
def write_image_model() -> WriteModel:
    """Writes a convolution of three in each direction of an image into as many channels `y`."""
    onnx = pytest.importorskip("onnx")
    import numpy as np

    def write(
        path: Path,
        dtype: str = "float16",
        shape: Sequence[Any] = (1, 5, 8, 6),
        name: str = "image",
    ) -> Path:
        helper, (_, channels, *positions) = onnx.helper, shape
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        kernel = (channels, channels, *[3] * len(positions))
        values = np.random.default_rng(7).normal(0, 0.2, kernel)
        graph = helper.make_graph(
            [helper.make_node("Conv", [name, "w"], ["y"], pads=[1] * 2 * len(positions))],
            "image",
            [helper.make_tensor_value_info(name, kind, shape)],
            [helper.make_tensor_value_info("y", kind, shape)],
            [onnx.numpy_helper.from_array(values.astype(dtype), "w")],
        )
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path

    return write
