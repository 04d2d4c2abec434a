"""What a backend says of how its engines are loaded in the process of a session."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Protocol, cast

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


@dataclass(frozen=True)
class Loader:
    """How the process of a session loads its engine.

    Attributes:
        module: the name of a `LoaderModule`, which the process imports. backend: its argument.
        has_spare: whether the next process may start while a session measures; not where engines
            use all cores.
    """

    module: str
    backend: str
    has_spare: bool = True

    def imported(self) -> LoaderModule:
        """The module."""
        return cast("LoaderModule", importlib.import_module(self.module))
