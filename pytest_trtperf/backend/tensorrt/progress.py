"""How far a build is, from TensorRT's own phases, and the way to stop one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any, TypeAlias


@dataclass
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class BuildProgress:
    """Phases that run at the moment; TensorRT nests them, and reports from several threads."""

    def __init__(self) -> None:
        self._phases: dict[str, _Phase] = {}
        self._lock = threading.Lock()
        self._reached = 0.0

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase of so many steps begins."""
        with self._lock:
            self._phases[name] = _Phase(parent, max(steps, 1))

    def step(self, name: str, step: int) -> None:
        """A step of a phase, counted from 0, is done."""
        with self._lock:
            if phase := self._phases.get(name):
                phase.done = min(step + 1, phase.steps)

    def finish(self, name: str) -> None:
        """A phase ends, whether all its steps are done or not."""
        with self._lock:
            self._phases.pop(name, None)
            if not self._phases:
                self._reached = 0.0

    @property
    def phase(self) -> str:
        """The phase that began last; empty between phases."""
        with self._lock:
            return next(reversed(self._phases), "")

    @property
    def share(self) -> float:
        """How much of the outermost phase is done, 0 to 1, those within it counted in.

        It never falls: between the end of a phase and the step of its parent it stays.
        """
        with self._lock:
            roots = [n for n, one in self._phases.items() if one.parent not in self._phases]
            if roots:
                self._reached = max(self._reached, self._share(roots[0]))
            return self._reached

    def _share(self, name: str) -> float:
        phase = self._phases[name]
        within = sum(self._share(n) for n, one in self._phases.items() if one.parent == name)
        return min((phase.done + min(within, 1.0)) / phase.steps, 1.0)


Report: TypeAlias = Callable[[BuildProgress], None]


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
