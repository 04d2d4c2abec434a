"""Reports TensorRT's own phases of a build, and stops a build on Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

from pytest_trtperf.backend.progress import BuildProgress, Report


def attach_monitor(
    trt: ModuleType, config: Any, interrupted: threading.Event, report: Report | None
) -> None:
    """Lets TensorRT stop at its next step once the event is set, and report each step.

    Does nothing where TensorRT has no progress monitors.
    """
    if not hasattr(trt, "IProgressMonitor") or not hasattr(config, "progress_monitor"):
        return
    progress = BuildProgress()

    def show() -> None:
        if report is not None:
            report(progress)

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            progress.start(name, parent, steps)
            show()

        def phase_finish(self, name: str) -> None:
            progress.finish(name)

        def step_complete(self, name: str, step: int) -> bool:
            progress.step(name, step)
            show()
            return not interrupted.is_set()

    config.progress_monitor = Monitor()


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Turns Ctrl-C into an event for the length of the block and delivers it afterwards.

    An exception raised in a callback of TensorRT would be printed and lost.
    """
    interrupted = threading.Event()
    previous = signal.getsignal(signal.SIGINT)
    # Only the main thread may set handlers, and one that ignores Ctrl-C has to go on doing so.
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield interrupted
        return

    def remember(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    signal.signal(signal.SIGINT, remember)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
        if interrupted.is_set():
            signal.raise_signal(signal.SIGINT)
