"""How far a build is, by its nested phases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class BuildProgress:
    """The phases that run at the moment; they nest, and several threads may report them."""

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


class Progress(Protocol):
    """What is shown of a build; see `BuildProgress`."""

    @property
    def phase(self) -> str:
        """The phase that began last; empty between phases."""

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""


@dataclass(frozen=True)
class ReachedProgress:
    """How far a build was at a moment."""

    phase: str
    share: float


Report: TypeAlias = Callable[[Progress], None]
"""Called with the progress at each step of a build."""
