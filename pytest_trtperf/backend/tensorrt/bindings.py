"""The import of TensorRT on first use, and the logger that it is given."""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pytest_trtperf.errors import BackendUnavailable

Write = Callable[[str], None]
Errors = Callable[[], "list[str]"]

MODULES: Mapping[str, str] = {
    "tensorrt": "tensorrt",
    "tensorrt-rtx": "tensorrt_rtx",
    "tensorrt-lean": "tensorrt_lean",
}
"""The Python module of each backend of the family."""

_HOW_TO_INSTALL: Mapping[str, str] = {
    "tensorrt": "pip install 'pytest-trtperf[tensorrt-cu13]' (or [tensorrt-cu12]), or use a "
    "container that brings TensorRT along",
    "tensorrt-rtx": "pip install 'pytest-trtperf[rtx]'",
    "tensorrt-lean": "pip install tensorrt-lean-cu13 (or tensorrt-lean-cu12)",
}


def import_tensorrt(backend: str) -> ModuleType:
    """The Python module of a backend of the TensorRT family.

    Raises:
        BackendUnavailable: the backend is not of this family, its package is not installed, or
            its libraries cannot be loaded; the message says how to install it.
    """
    if backend not in MODULES:
        raise BackendUnavailable(
            f"{backend!r} is not a backend of the TensorRT family, which are {', '.join(MODULES)}"
        )
    try:
        module = importlib.import_module(MODULES[backend])
    # Loading the libraries fails with OSError, or RuntimeError in the wheels' own checks.
    except (ImportError, OSError, RuntimeError) as error:
        raise BackendUnavailable(
            f"backend {backend}: module {MODULES[backend]} cannot be imported ({error}); "
            f"{_HOW_TO_INSTALL[backend]}"
        ) from error
    if not hasattr(module, "__version__"):
        raise BackendUnavailable(
            f"backend {backend}: {module.__name__} is not TensorRT's module but one from "
            f"{list(getattr(module, '__path__', []))}; {_HOW_TO_INSTALL[backend]}"
        )
    return module


def shared_logger(trt: ModuleType) -> Any:
    """The one logger this process gives to builders, parsers and runtimes of a module.

    TensorRT keeps the first logger it sees while any object made with it lives, and ignores the
    next one: with a logger per object, the messages of a failure would go to the wrong place.
    It collects errors; read them with `collected`.
    """
    if trt.__name__ not in _LOGGERS:
        _LOGGERS[trt.__name__] = _new_logger(trt)
    return _LOGGERS[trt.__name__]


_LOGGERS: dict[str, Any] = {}
# A long session must not grow without end; what a failure needs are the last messages.
_ERRORS_KEPT = 200


def _new_logger(trt: ModuleType) -> Any:
    class CollectingLogger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.count = 0
            self.errors: deque[tuple[int, str]] = deque(maxlen=_ERRORS_KEPT)
            self.write: Write | None = None
            self.most = trt.ILogger.Severity.INFO

        def log(self, severity: Any, message: str) -> None:
            if severity > self.most:
                return
            text = message.strip()
            if severity <= trt.ILogger.Severity.ERROR:
                self.count += 1
                self.errors.append((self.count, text))
            if write := self.write:
                write(f"{severity.name}: {text}")

    return CollectingLogger()


def created(factory: Callable[..., Any], *arguments: Any) -> Any:
    """What one of TensorRT's classes makes; None where it made nothing.

    Its bindings raise a TypeError then, which says nothing; TensorRT's log has the reason.
    """
    try:
        return factory(*arguments)
    except TypeError as error:
        if "nullptr" in str(error):
            return None
        raise


@contextmanager
def collected(
    trt: ModuleType, write: Write | None = None, *, verbose: bool = False
) -> Iterator[Errors]:
    """Yields a function that returns the errors TensorRT has logged since the block began.

    Args:
        write: is given each message of the block, its severity first.
        verbose: whether those of VERBOSE are among them, which are many.
    """
    logger = shared_logger(trt)
    before, outer = logger.count, (logger.write, logger.most)
    logger.write = write or logger.write
    if verbose:
        logger.most = trt.ILogger.Severity.VERBOSE
    try:
        yield lambda: [text for number, text in logger.errors if number > before]
    finally:
        logger.write, logger.most = outer


@contextmanager
def refusals(trt: ModuleType, to_error: Callable[[list[str]], Exception]) -> Iterator[None]:
    """Raises what `to_error` returns for the errors that TensorRT logs in the block, if any.

    TensorRT refuses most of what it is given by a message only.
    """
    with collected(trt) as errors:
        yield
    if said := errors():
        raise to_error(said)
