"""The options of pytest-trtperf that a project's configuration of pytest gives."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pytest_trtperf.baseline.locate import DIRECTORY_NAME, nearest
from pytest_trtperf.errors import TrtPerfError
from pytest_trtperf.options import DECLARED
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.resolve import Given, Sources, look_up
from pytest_trtperf.run.pytest_options import ini_of

_PLUGIN = "trtperf"


class _HasBeenRead(Exception):
    """Ends pytest once its configuration is known, before it loads a conftest."""


class _Reader:
    """Keeps pytest's configuration."""

    config: pytest.Config | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_load_initial_conftests"""
        self.config = early_config
        raise _HasBeenRead


class ProjectOptions:
    """What pytest would find in the current directory; read when first asked for."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        """`words` are of a command line of pytest."""
        self._words = words

    @cached_property
    def config(self) -> pytest.Config:
        """pytest's configuration, without options of a conftest.

        Raises:
            TrtPerfError: pytest cannot read it.
        """
        has_entry = any(one.name == _PLUGIN for one in entry_points(group="pytest11"))
        plugin = _PLUGIN if has_entry else "pytest_trtperf.plugin"
        reader, output = _Reader(), io.StringIO()
        said = ""
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                # Rewriting asserts would warn of our modules, which are imported already.
                pytest.main(["--assert=plain", "-p", plugin, *self._words], plugins=[reader])
        except _HasBeenRead:
            pass
        except Exception as error:  # noqa: BLE001
            said = f"a plugin raised {error!r}"  # while it was imported
        if reader.config is None:
            said = said or output.getvalue().strip()
            raise TrtPerfError(f"pytest's configuration cannot be read: {said}")
        return reader.config

    def find(self, name: str) -> Given:
        """The value of an option, by its name in `Settings`.

        Raises:
            TrtPerfError: it is not acceptable; names where it was given.
        """
        option = next(one for one in DECLARED if one.name == name)
        try:
            found = look_up(option, self._sources)
        except ValueError as error:
            raise TrtPerfError(str(error)) from None
        return Given(getattr(Settings, name), "default") if found is None else found

    @property
    def baseline_dir(self) -> Path:
        """The configured baseline directory, else the nearest one, else that of rootdir.

        Below the current directory its path is relative.
        """
        rootdir, here = self.config.rootpath, Path.cwd()
        configured: Path | None = self.find("baseline_dir").value
        found = configured or nearest(here, rootdir) or rootdir / DIRECTORY_NAME
        return found.relative_to(here) if found.is_relative_to(here) else found

    @cached_property
    def _sources(self) -> Sources:
        given = self.config.known_args_namespace
        folder = None if self.config.inipath is None else self.config.inipath.parent
        return Sources(
            lambda key: getattr(given, key, None), os.environ, ini_of(self.config), folder
        )
