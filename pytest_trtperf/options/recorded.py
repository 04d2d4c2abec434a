"""The options that a record names: those that decide what is measured, and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_trtperf.options import DECLARED, OF_MEASUREMENT
from pytest_trtperf.options.declared import Settings

OF_VERDICTS = ("race", "environment", "software", "strict", "require_baseline")
"""Beside those of single measurements."""


def recorded_options(settings: Settings) -> dict[str, Any]:
    """Those that have another value than the default, by name, as JSON has them."""
    return {
        option.name: _plain(value)
        for option in DECLARED
        if (option in OF_MEASUREMENT or option.name in OF_VERDICTS)
        and not option.describes
        and (value := getattr(settings, option.name)) != option.default
    }


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
