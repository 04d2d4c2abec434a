"""What a backend says of how its engines are built and loaded in a process of their own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

from pytest_trtperf.backend.protocols import LoadedEngine


class ServedEngine(LoadedEngine, Protocol):
    """An engine in the process of its sessions.

    Attributes:
        kernels_refused: whether the runtime cache that it was given was of no use.
    """

    kernels_refused: bool = False

    def new_runtime_cache(self) -> bytes | None:
        """The runtime cache if it has kernels that were not in the one given, else None."""
        return None


Say: TypeAlias = Callable[[dict[str, Any]], None]
"""Tells the owner of a process something before the process answers; plain values."""


class LoaderModule(Protocol):
    """The functions of a module that a `Loader` names."""

    def prepare(self, backend: str) -> None:
        """Imports what loading takes, and asks nothing of the device.

        What is missing is reported by `load`, when an engine is asked for.
        """

    def load(self, backend: str, **values: Any) -> ServedEngine:
        """The engine.

        Args:
            values: plain ones, and bytes that arrive as a `memoryview`.

        Raises:
            TrtPerfError: it cannot be loaded.
        """

    def leave_device(self, backend: str) -> None:
        """Frees what this process has on the device, when its engine is closed and at its end."""


class BuilderModule(LoaderModule, Protocol):
    """The functions of such a module where plans are built."""

    def build(self, backend: str, say: Say, **values: Any) -> bytes:
        """The plan.

        Args:
            say: tells how far the build is.
            values: plain ones.

        Raises:
            TrtPerfError: it cannot be built.
        """


@dataclass(frozen=True)
class Loader:
    """How a process of its own builds a plan, or loads the engine of a session.

    Attributes:
        module: the name of a `LoaderModule` or `BuilderModule`, which the process imports.
        backend: its argument.
        has_spare: whether the next process may start while a session measures; not where engines
            use all cores.
    """

    module: str
    backend: str
    has_spare: bool = True

    def imported(self) -> BuilderModule:
        """The module; one without `build` is never asked for it."""
        return cast("BuilderModule", importlib.import_module(self.module))
