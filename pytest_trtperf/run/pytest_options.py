"""The options as pytest has them, read from its command line and its configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.resolve import Sources, resolve, unknown_keys
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
    if not hasattr(config, "workerinput"):
        _check_run(config, settings)
    config.pluginmanager.register(own_backends, "trtperf-backends")
    return settings


def settings_of_run(config: pytest.Config) -> Settings:
    """The settings by command line, environment and ini file.

    Raises:
        pytest.UsageError: a value is not acceptable; names where it was given.
    """
    _take_environment(config)
    folder = None if config.inipath is None else config.inipath.parent
    try:
        return resolve(Sources(config.getoption, os.environ, ini_of(config), folder))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def ini_of(config: pytest.Config) -> Callable[[str], object]:
    """What gives the value of a key of the configuration file; an empty text where it has none."""

    def ini(key: str) -> object:
        try:
            return config.getini(key)
        except TypeError:
            # pytest 9.0 and 9.1 read numbers of pytest.toml, but know no type of numbers or text.
            value: Any = config.inicfg[key]
            return getattr(value, "value", value)

    return ini


def _check_run(config: pytest.Config, settings: Settings) -> None:
    """Refuses what would let a run pass for nothing; workers have it from their controller.

    Raises:
        pytest.UsageError: says what, and what to do.
    """
    for flaw in unknown_keys(keys_unknown_to_pytest(config)):
        raise pytest.UsageError(flaw)
    for plugin in config.getoption("plugins", None) or ():
        if str(plugin).startswith("no:trtperf-"):
            raise pytest.UsageError(f"-p {plugin}: a run with --trtperf needs this part of itself")
    words = [str(word).partition("=")[0] for word in config.invocation_params.args]
    # Imported here, since a run without --trtperf resolves its options, too.
    from pytest_trtperf.run.ci import is_ci

    if settings.update and is_ci(os.environ) and "--trtperf-update" not in words:
        raise pytest.UsageError(
            "TRTPERF_UPDATE, trtperf_update or addopts asks for an update, so that this job would "
            "record its numbers over the baselines instead of comparing with them: remove it, or "
            "give --trtperf-update on the command line"
        )
    compares = not (settings.update or settings.update_new or settings.build_only)
    place = settings.baseline_dir
    if compares and settings.against is None and place is not None and not place.is_dir():
        raise pytest.UsageError(
            f"--trtperf-baseline-dir: {place} is no directory, so that nothing would be compared: "
            "name the one that has the baselines, or record with --trtperf-update"
        )


def keys_unknown_to_pytest(config: pytest.Config) -> Iterator[str]:
    """Keys of the configuration file, or given by `-o`, that no plugin has declared."""
    overrides = [one.partition("=")[0] for one in config.getoption("override_ini", None) or ()]
    # pytest lists the keys of its file nowhere else; asking is deprecated since 9.2.
    file = getattr(config, "_inicfg", None)
    for key in {*(config.inicfg if file is None else file), *overrides}:
        try:
            config.getini(key)
        except ValueError:
            yield key
        except (TypeError, pytest.UsageError):  # a known one with a wrong value
            continue


def _take_environment(config: pytest.Config) -> None:
    """On a worker of another host, the controller's variables where that host has none."""
    given = getattr(config, "workerinput", {}).get(WORKER_INPUT, {})
    for name, value in given.get("environment", {}).items():
        os.environ.setdefault(name, value)
