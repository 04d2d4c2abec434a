"""Whether records may be put together: they are to be of one commit and of the same options."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_trtperf.commands.common import MOST_NAMED
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.model import RunRecord
from pytest_trtperf.report.outcomes import listed

Named = Sequence[tuple[Path, RunRecord]]
"""Runs, each with the file that it comes from."""


def check_shards(runs: Named, *, one_class: bool) -> None:
    """Refuses runs that are no parts of one.

    Runs of one hardware class and backend are to have the same options; of another class or backend
    others may be right. What a record does not know is not compared.

    Args:
        one_class: whether all are to be of one hardware class and backend.

    Raises:
        BaselineError: names what differs, and in which files.
    """
    lines = [*_differ("commit", [(path, run.commit) for path, run in runs])]
    places = {(run.hardware_class, run.backend) for _, run in runs}
    if one_class and len(places) > 1:
        found = [(path, f"{run.backend} on {run.hardware_class}") for path, run in runs]
        lines += _differ("hardware", found)
    for place in sorted(places):
        those = [(path, run) for path, run in runs if (run.hardware_class, run.backend) == place]
        lines += _options(those)
    if lines:
        raise BaselineError(
            "the records are not of one run:\n"
            + "\n".join(f"  {line}" for line in lines)
            + "\nleave out those that do not belong, or merge them all the same with --mixed"
        )


def _options(runs: Named) -> Iterator[str]:
    # Records of earlier versions know of no options, and have none of the other new fields.
    known = [(path, run) for path, run in runs if run.started is not None]
    for name in sorted({name for _, run in known for name in run.options}):
        yield from _differ(
            f"option {name}",
            [(path, str(run.options.get(name, "default"))) for path, run in known],
        )


def _differ(what: str, values: Sequence[tuple[Path, str | None]]) -> Iterator[str]:
    """A line if there are several values, with the files that have each."""
    files: dict[str, list[str]] = defaultdict(list)
    for path, value in values:
        if value is not None:
            files[value].append(str(path))
    if len(files) > 1:
        yield f"{what}: " + ", ".join(
            f"{value} ({listed(paths, MOST_NAMED)})" for value, paths in files.items()
        )
