"""`trtperf --show-config`: the options of a project, and where each was given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from pytest_trtperf.commands.common import ExitStatus, note, say
from pytest_trtperf.commands.project_options import ProjectOptions
from pytest_trtperf.options import DECLARED
from pytest_trtperf.options.resolve import STRICT_MEANS, Given, unknown_keys, unknown_variables
from pytest_trtperf.plan_cache.place import cache_place
from pytest_trtperf.report.tables import aligned
from pytest_trtperf.run.pytest_options import keys_unknown_to_pytest

COLUMNS = ("option", "value", "from")


def show_config() -> ExitStatus:
    """Prints the options that a run of pytest would have in the current directory.

    Raises:
        TrtPerfError: pytest's configuration cannot be read, or a value is not acceptable.
    """
    project = ProjectOptions()
    say(*aligned([COLUMNS, *_rows(project)], left=range(3)))
    cache, _ = cache_place(project.find("cache_dir").value, shared=False)
    say(
        "",
        f"rootdir: {project.config.rootpath}",
        f"configuration file: {project.config.inipath or 'none'}",
        f"baseline directory of the current directory: {project.baseline_dir.absolute()}",
        f"engine cache: {cache}",
    )
    given = keys_unknown_to_pytest(project.config)
    for flaw in (*unknown_variables(os.environ), *unknown_keys(given)):
        note(f"{flaw}; `pytest --trtperf` refuses it")
    return ExitStatus.OK


def _rows(project: ProjectOptions) -> Iterator[tuple[str, str, str]]:
    is_strict = project.find("strict").value
    for option in DECLARED:
        found = project.find(option.name)
        if is_strict and option.name in STRICT_MEANS:
            found = Given(STRICT_MEANS[option.name], "trtperf_strict")
        of = " in addopts" if found.source.startswith("--") else ""
        yield option.key, _text(found.value), found.source + of


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return ",".join(f"{name}={one}" for name, one in value.items())
    return str(value)
