"""The cache with real plans: identities with layers, the limit of size, and the command."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.cli import main

TEST = """
import json

def test_{name}(trt_engine, trt_measure):
    engine = trt_engine("{name}.onnx", shapes={{"x": ("1x64", "8x64", "32x64")}})
    print("IDENTITY " + json.dumps(engine.identity))
    trt_measure(engine, shapes={{"x": (8, 64)}}).assert_p99(ms=1000)
"""


@pytest.fixture
def run(
    probe: object,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    write_model: Callable[..., Path],
) -> Callable[..., dict[str, Any]]:
    """Runs a test of a model in a process; gives the identity of its engine."""
    monkeypatch.setenv("TRTPERF_CACHE_DIR", str(pytester.path / "cache"))

    def call(name: str, *options: str) -> dict[str, Any]:
        write_model(pytester.path / f"{name}.onnx", layers=ord(name[-1]) % 7 + 2, width=64)
        module = pytester.makepyfile(**{f"test_{name}": TEST.format(name=name)})
        # Where the package is not installed, the plugin was loaded by name: so do the runs inside.
        installed = any(e.name == "trtperf" for e in entry_points(group="pytest11"))
        plugin = () if installed else ("-p", "pytest_trtperf.plugin")
        result = pytester.runpytest_subprocess(
            *plugin, "--trtperf", "--trtperf-round-ms=50", "-s", *options, module
        )
        assert result.ret == 0
        line = next(line for line in result.outlines if "IDENTITY " in line)
        identity: dict[str, Any] = json.loads(line.partition("IDENTITY ")[2])
        return identity

    return call


def test_the_identity_is_kept_with_its_layers(
    run: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    first = run("a")
    assert first["layers"]
    assert run("a") == first
    (listed,) = _printed(capsys, "cache", "list")["engines"]
    assert listed["here"] is True
    assert listed["identity"] == {**first, "layers": len(first["layers"])}
    shown = _printed(capsys, "layers", "a.onnx")
    assert (shown["Layers"], shown["Bindings"]) == (first["layers"], ["x", "y"])


def _printed(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    """What a command prints as JSON."""
    capsys.readouterr()
    with warnings.catch_warnings():
        # This run makes errors of warnings, also of those that plugins of others give.
        warnings.resetwarnings()
        assert main([*command, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_limit_lets_the_least_recently_used_go(
    run: Callable[..., dict[str, Any]], pytester: pytest.Pytester
) -> None:
    run("a")
    kept = run("b", "--trtperf-cache-size=1kB")
    (plan,) = (pytester.path / "cache").glob("*.plan")
    assert plan.stat().st_size == kept["size"]
