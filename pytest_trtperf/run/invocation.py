"""How pytest was called, as far as its run for another revision takes after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pytest_trtperf.options import OF_MEASUREMENT

_PLUGIN = "pytest_trtperf.plugin"


@dataclass(frozen=True)
class Invocation:
    """Folders and arguments of this run.

    Attributes:
        folder: where pytest was called. ini: its configuration file.
        arguments: plugins, and options of measurements as the command line has them.
    """

    folder: Path
    ini: Path | None
    arguments: Sequence[str]

    @classmethod
    def of(cls, config: pytest.Config) -> Invocation:
        """Those of the run that a configuration is of."""
        plugins = list(config.getoption("plugins", None) or [])
        if _PLUGIN not in plugins and not any(
            one.value == _PLUGIN for one in entry_points(group="pytest11")
        ):
            plugins.append(_PLUGIN)
        arguments = [word for plugin in plugins for word in ("-p", plugin)]
        if config.pluginmanager.hasplugin("xdist"):
            arguments.append("-n0")
        for option in OF_MEASUREMENT:
            value = config.getoption(option.key, None)
            if value is None:
                continue
            if option.kind == "bool":
                arguments.append(option.flag if value else "--no-" + option.flag[2:])
            else:
                arguments.append(f"{option.flag}={value}")
        return cls(config.invocation_params.dir, config.inipath, arguments)
