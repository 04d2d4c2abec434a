"""trtexec's command line gives the mode and the shapes of its measurement."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.trtexec.measured_mode import mode_of_trtexec, shapes_of_trtexec

V10 = {
    "transfers": True, "spin_wait": False, "cuda_graph": False, "streams": 1, "concurrency": 2,
    "inputs": "seeded", "seed": 0, "load": "closed", "idle_ms": 0.0,
}  # fmt: skip
V11 = {**V10, "transfers": False, "spin_wait": True, "cuda_graph": True}


@pytest.mark.parametrize(
    ("arguments", "version", "expected"),
    [
        ("", 10, V10),
        ("", 11, V11),
        ("trtexec --onnx=a.onnx --fp16 --duration=10 --warmUp=500", 10, V10),
        ("--noDataTransfers --useSpinWait --useCudaGraph", 10, V11),
        ("--noDataTransfers --useSpinWait --useCudaGraph", 11, V11),
        ("--includeDataTransfers --noSpinWait --noCudaGraph", 11, V10),
        ("--noDataTransfers --includeDataTransfers", 11, {**V11, "transfers": True}),
        ("--useSpinWait=false", 10, {**V10, "spin_wait": True}),  # as trtexec has it
        ("--exposeDMA", 10, {**V10, "concurrency": 1}),
        ("--infStreams=4", 10, {**V10, "streams": 4}),
        ("--streams=3", 10, {**V10, "streams": 3}),
        ("--streams=3 --infStreams=2", 10, {**V10, "streams": 2}),
        ("--idleTime=2.5", 11, {**V11, "idle_ms": 2.5}),
        ("--exportTimes='a b.json' --exposeDMA", 10, {**V10, "concurrency": 1}),
    ],
)
def test_mode(arguments: str, version: int, expected: dict[str, Any]) -> None:
    mode = mode_of_trtexec(arguments, version)
    assert mode == expected
    assert {name: type(value) for name, value in mode.items()} == {
        name: type(value) for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--infStreams=0", "at least 1"),
        ("--infStreams 2", "at least 1"),
        ("--infStreams=two", "at least 1"),
        ("--infStreams=" + "9" * 5000, "at least 1"),
        ("--idleTime=-1", "milliseconds"),
        ("--idleTime=nan", "milliseconds"),
        ("--idleTime=inf", "milliseconds"),
        ("--idleTime=soon", "milliseconds"),
        ("--loadInputs=input:a.bin", "measure again without"),
        ("--useManagedMemory", "measure again without"),
        ("--noCudaGraph", "version 11"),
        ("--infStreams=2 --infStreams=3", "twice"),
        ("--exportTimes='a", "quotation"),
        ("--useSpinwait", "no option '--useSpinwait': did you mean --useSpinWait"),
        ("--useSpinwait --shapes=x:8x3", "did you mean --useSpinWait"),
        ("--qqqqq", "no option '--qqqqq'$"),
        ("-v", "no option '-v'"),
    ],
)
def test_command_lines_without_a_mode(arguments: str, reason: str) -> None:
    with pytest.raises(BaselineError, match=reason):
        mode_of_trtexec(arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--useSpinWait", {}),
        ("--shapes=input:8x3x224x224", {"input": [8, 3, 224, 224]}),
        ("--shapes=a:1x2,b:3,c:scalar", {"a": [1, 2], "b": [3], "c": []}),
        ("--shapes=input:0:8x3", {"input:0": [8, 3]}),
        ("--shapes=\"'input:0':8x3\"", {"input:0": [8, 3]}),
        ("--minShapes=a:1 --optShapes=a:4,b:2 --maxShapes=a:8 --shapes=a:7", {"a": [7], "b": [2]}),
        ("--minShapes=a:1 --maxShapes=a:8", {"a": [8]}),
        ("--minShapes=a:1", {"a": [1]}),
    ],
)
def test_shapes(arguments: str, expected: dict[str, list[int]]) -> None:
    assert shapes_of_trtexec(arguments) == expected


@pytest.mark.parametrize(
    "value", ["", "8x3", "a:", ":8", "a:8x", "a:8x-1", "a:8x3,", "a:b", "a:1" + "0" * 30]
)
def test_shapes_that_cannot_be_read(value: str) -> None:
    with pytest.raises(BaselineError, match="--shapes="):
        shapes_of_trtexec(f"--shapes={value}")
