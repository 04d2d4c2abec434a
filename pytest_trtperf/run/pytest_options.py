"""The options in pytest: added to its parser, and read from its configuration.

Imports nothing heavy: pytest asks for the options of every run.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import pytest

from pytest_trtperf.options.declared import DECLARED, Settings
from pytest_trtperf.options.option import Option
from pytest_trtperf.options.resolve import Sources, resolve

WORKER_INPUT = "trtperf"
"""Where pytest-xdist's workers find what the controller gives them."""

_HAS_UNIONS = pytest.version_tuple >= (9, 2)


def add_options(parser: pytest.Parser) -> None:
    """Declares each option on the command line and in the ini file."""
    group = parser.getgroup("trtperf", "performance of TensorRT engines")
    for option in DECLARED:
        how: dict[str, Any] = {"metavar": option.metavar}
        if isinstance(option.default, bool):
            how = {"action": argparse.BooleanOptionalAction}
        group.addoption(option.flag, dest=option.key, default=None, help=option.help, **how)
        parser.addini(option.key, option.help, type=_ini_type(option), default="")


def _ini_type(option: Option) -> Any:
    """pytest's type of an ini key. Text is always one: our own parser says what does not fit."""
    return option.ini | str if option.ini is not str and _HAS_UNIONS else "string"


def settings_of_run(config: pytest.Config) -> Settings:
    """The settings by command line, environment and ini file.

    Raises:
        pytest.UsageError: a value is not acceptable; names where it was given.
    """

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
