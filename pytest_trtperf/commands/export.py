"""`trtperf export`: writes a record in the formats of other programs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_trtperf.commands.common import ExitStatus, Parsers, add_command, say, say_json
from pytest_trtperf.files.atomic import write_atomically
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import RunRecord
from pytest_trtperf.report.exports import (
    bigger_is_better,
    rows,
    smaller_is_better,
    to_csv,
    to_markdown,
)

_EXAMPLE = """\
  trtperf export performance.json --format csv -o performance.csv
  trtperf export performance.json --format customSmallerIsBetter -o latency.json
"""

_DETAILS = """\
customSmallerIsBetter (medians and P99 in ms) and customBiggerIsBetter (throughput in qps) are
values of `tool` in github-action-benchmark. CSV and --json have a row for each measurement and
metric. Markdown is the table of the step summary on GitHub.
"""


def _json(listed: Callable[[Sequence[RunRecord]], object]) -> Callable[[Sequence[RunRecord]], str]:
    return lambda runs: msgspec.json.format(msgspec.json.encode(listed(runs)), indent=1).decode()


FORMATS: Mapping[str, Callable[[Sequence[RunRecord]], str]] = {
    "csv": to_csv,
    "markdown": to_markdown,
    "customSmallerIsBetter": _json(smaller_is_better),
    "customBiggerIsBetter": _json(bigger_is_better),
}


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "export",
        _run,
        help="write a record in the format of another program",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option("record", metavar="RECORD.json", type=Path, help="from --trtperf-json or trtperf merge")
    option(
        "--format", choices=tuple(FORMATS), default="csv", help="the format (default: %(default)s)"
    )
    option(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="the file to write (default: standard output)",
    )


def _run(arguments: argparse.Namespace) -> int:
    runs = read_runs(arguments.record)
    text = FORMATS[arguments.format](runs)
    if arguments.output is not None:
        write_atomically(arguments.output, text.encode("utf-8", "replace"))
    if arguments.json:
        say_json(rows(runs))
    elif arguments.output is None:
        say(text.rstrip("\r\n"))
    return ExitStatus.OK
