"""GitHub Actions: annotations on the log, and the summary of a step.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_trtperf.files.atomic import naming
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.model import Measured, MeasurementRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.outcomes import broken, broken_line, outcome
from pytest_trtperf.report.undecided import undecided_line
from pytest_trtperf.text import counted, with_escapes, without_middle

MAX_ANNOTATIONS = 10
"""Of each level: GitHub shows no more of a step."""

MAX_CHARACTERS = 4000

MAX_BYTES = 900_000
"""Of a summary: GitHub drops one of more than 1 MiB."""


def annotation_lines(
    measured: Sequence[Measured],
    missing: Sequence[str],
    errors: Sequence[str],
    folder: str = "",
    tests: Sequence[ItemRecord] = (),
) -> list[str]:
    """Workflow commands, one a line: errors for what failed, warnings for what was not decided.

    What failed is what pytest says has failed: not what a test is expected to miss.

    Args:
        tests: all that measure.
        missing: keys without a baseline. errors: what could not be written.
        folder: pytest's root directory relative to the top of the repository.
    """
    failed, unknown = [], []
    lines = {test.test: test.line for test in tests}
    for one in measured:
        place = _place(one, folder, lines.get(one.test))
        if outcome(one) == "fail":
            messages = [verdict.message for verdict in one.verdicts if verdict.failed]
            changed = one.differences if isinstance(one, MeasurementRecord) else []
            failed.append(_command("error", place, "\n".join([*messages, *changed])))
        elif outcome(one) == "inconclusive":
            messages = [v.message for v in one.verdicts if v.status == "inconclusive"]
            unknown.append(_command("warning", place, "\n".join(messages)))
    failed += [
        _command("error", _place(one, folder, one.line), broken_line(one))
        for one in broken(tests, measured)
    ]
    failed += [_command("error", {}, error) for error in errors]
    if missing:
        text = f"no baseline for {counted(len(missing), 'measurement')}: {', '.join(missing)}"
        unknown.insert(0, _command("warning", {}, text))
    if undecided := undecided_line(measured):
        unknown.insert(0, _command("warning", {}, undecided))
    return failed[:MAX_ANNOTATIONS] + unknown[:MAX_ANNOTATIONS]


def folder_in_repository(rootdir: Path, environment: Mapping[str, str]) -> str:
    """pytest's root directory relative to the workspace, empty where it is the same."""
    workspace = environment.get("GITHUB_WORKSPACE")
    if not workspace or not rootdir.is_relative_to(workspace):
        return ""
    relative = rootdir.relative_to(workspace).as_posix()
    return "" if relative == "." else relative


def append_summary(path: Path, text: str) -> None:
    """Adds to the summary of this step, after what others wrote.

    Raises:
        OSError: the file cannot be written.
    """
    data = text.encode("utf-8", "replace")
    if len(data) > MAX_BYTES:
        data = data[: data.rindex(b"\n", 0, MAX_BYTES)] + b"\n\nthe rest is in the record\n"
    with naming(path), open(path, "ab") as file:
        file.write(data + b"\n")


def _place(one: Measured | ItemRecord, folder: str, line: int | None) -> dict[str, str]:
    name = one.test.partition("::")[0]
    place = {"file": f"{folder}/{name}" if folder else name, "title": shortened(one.key)}
    return place if line is None else {**place, "line": str(line)}


def _command(level: str, about: Mapping[str, str], message: str) -> str:
    fields = {"title": "pytest-trtperf", **about}
    listed = ",".join(f"{name}={_property(value)}" for name, value in sorted(fields.items()))
    return f"::{level} {listed}::{_data(without_middle(message, MAX_CHARACTERS))}"


def _data(text: str) -> str:
    on_one_line = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return with_escapes(on_one_line)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
