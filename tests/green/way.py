"""A way of writing, selecting, configuring or interrupting a test, and what it has to give."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

PASSED, FAILED, INTERRUPTED, INTERNAL, USAGE, NOTHING = (
    int(code)
    for code in (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.INTERRUPTED,
        pytest.ExitCode.INTERNAL_ERROR,
        pytest.ExitCode.USAGE_ERROR,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    )
)

PLAIN = """
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
"""
AFTER = """
    import pytest, unittest
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        {after}
"""
REGRESSED = "*gpu_compute median regressed: *tolerance 5.0%*"
NO_BASELINE = "*WITHOUT A BASELINE, nothing was compared*"


@dataclass(frozen=True)
class Way:
    """One way, and what it has to give.

    Attributes:
        body: of the test module.
        status: pytest's exit status.
        words: lines of the output, in any order.
        arguments: of pytest, in the run that is judged.
        recorded: of the module when the baseline was recorded; the body unless given.
        files: others in the repository, by name.
        ini: lines of it. environment: of the judged run.
        prepare: changes the repository between the two runs.
        process: whether the run needs a process of its own.
        with_workers: whether it is to be the same under `-n2`.
    """

    body: str = PLAIN
    status: int = FAILED
    words: Sequence[str] = (REGRESSED,)
    arguments: Sequence[str] = ()
    recorded: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    ini: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Path], object] = lambda path: None
    process: bool = False
    with_workers: bool = False


def strict(way: Way, *words: str) -> Way:
    """The same under --trtperf-strict, which fails it."""
    arguments = (*way.arguments, "--trtperf-strict")
    return replace(way, status=FAILED, words=words, arguments=arguments)


def module(source: str) -> str:
    """A test module of a way."""
    return textwrap.dedent(source)
