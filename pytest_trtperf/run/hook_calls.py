"""Calls of this plugin's hooks: an error of an implementation is caught and described."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_trtperf.backend.protocols import Backend

_CALLERS = ("pluggy", "pytest_trtperf")


def call_backends(config: pytest.Config) -> list[Backend]:
    """Calls `pytest_trtperf_backends`: the backends of all plugins, those of this package last.

    Raises:
        pytest.UsageError: an implementation raised, returned something else than backends, or
            gave one a name that another has.
    """
    name = "pytest_trtperf_backends"
    try:
        found: list[Any] = config.hook.pytest_trtperf_backends(config=config)
    except (Exception, pytest.fail.Exception) as error:  # of a plugin: any
        raise pytest.UsageError(f"{name}{_place(error)}: {_described(error)}") from error
    backends: list[Backend] = []
    for some in found:
        listed = list(some) if isinstance(some, Iterable) else [some]
        if not isinstance(some, Iterable) or not all(hasattr(one, "probe") for one in listed):
            raise pytest.UsageError(f"{name}: expected a list of backends, got {some!r}")
        backends += listed
    names = [one.name for one in backends]
    if twice := sorted({one for one in names if names.count(one) > 1}):
        raise pytest.UsageError(
            f"{name}: several backends have the name {', '.join(twice)}: give each its own"
        )
    return backends


def call_measured(item: pytest.Item, record: object) -> list[str]:
    """Calls `pytest_trtperf_measured`, also of conftest.py files beside the test.

    Returns:
        A line for an implementation that raised.
    """
    return _caught(item.ihook.pytest_trtperf_measured, {"item": item, "record": record})


def call_built_in_first(
    config: pytest.Config,
    name: str,
    built_in: Collection[object],
    arguments: Mapping[str, object],
) -> list[str]:
    """Calls the hook `name` of the built-in plugins, and after that of all others.

    So built-in files are written, whatever another plugin raises and whichever order it asks for.

    Returns:
        A line for each of the two that raised.
    """
    manager = config.pluginmanager
    others = [plugin for plugin in manager.get_plugins() if plugin not in built_in]
    calls = (manager.subset_hook_caller(name, left_out) for left_out in (others, built_in))
    return [line for call in calls for line in _caught(call, arguments)]


def _caught(call: Any, arguments: Mapping[str, object]) -> list[str]:
    try:
        call(**arguments)
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # of a plugin: any
        return [f"{call.name}{_place(error)}: {_described(error)}"]
    return []


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _place(error: BaseException) -> str:
    """Where the implementation was when it raised: its own line, not that of what it called."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in _CALLERS:
            return f" at {frame.f_code.co_filename}:{line}"
    return ""
