"""The options as pytest has them, read from its command line and its configuration."""

from __future__ import annotations

import os
from typing import Any

import pytest

from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.resolve import Sources, resolve
from pytest_trtperf.run import own_backends

WORKER_INPUT = "trtperf"
"""Where pytest-xdist's workers find what the controller gives them."""


def take_settings(config: pytest.Config) -> Settings | None:
    """The settings of a run with --trtperf, which has the backends of this package from now on.

    Raises:
        pytest.UsageError: a value is not acceptable, also without --trtperf.
    """
    settings = settings_of_run(config)
    if not settings.enabled:
        return None
    config.pluginmanager.register(own_backends, "trtperf-backends")
    return settings


def settings_of_run(config: pytest.Config) -> Settings:
    """The settings by command line, environment and ini file.

    Raises:
        pytest.UsageError: a value is not acceptable; names where it was given.
    """
    _take_environment(config)

    def ini(key: str) -> object:
        try:
            return config.getini(key)
        except TypeError:
            # pytest 9.0 and 9.1 read numbers of pytest.toml, but know no type of numbers or text.
            value: Any = config.inicfg[key]
            return getattr(value, "value", value)

    folder = None if config.inipath is None else config.inipath.parent
    try:
        return resolve(Sources(config.getoption, os.environ, ini, folder))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def _take_environment(config: pytest.Config) -> None:
    """On a worker of another host, the controller's variables where that host has none."""
    given = getattr(config, "workerinput", {}).get(WORKER_INPUT, {})
    for name, value in given.get("environment", {}).items():
        os.environ.setdefault(name, value)
