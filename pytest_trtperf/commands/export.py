"""`trtperf export`: writes a record in the formats of other programs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_trtperf.commands.common import ExitStatus, Parsers, add_command, say_json, say_text
from pytest_trtperf.errors import TrtPerfError
from pytest_trtperf.files.atomic import write_atomically
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import RunRecord
from pytest_trtperf.report.code_quality import code_quality
from pytest_trtperf.report.exports import (
    bigger_is_better,
    rows,
    smaller_is_better,
    to_csv,
    to_markdown,
)
from pytest_trtperf.report.openmetrics import gitlab_metrics, openmetrics

_EXAMPLE = """\
  trtperf export performance.json --format csv -o performance.csv
  trtperf export performance.json --format customSmallerIsBetter -o latency.json
  trtperf export performance.json --format openmetrics \\
      -o /var/lib/node_exporter/textfile/trtperf.prom
"""

_DETAILS = """\
customSmallerIsBetter (medians and P99 in ms) and customBiggerIsBetter (throughput in qps) are
values of `tool` in github-action-benchmark, with the range of the rounds. CSV and --json have a row
for each measurement and metric. Markdown is the table of the step summary on GitHub.

openmetrics has all numbers in milliseconds and queries per second, for the text collector of
Prometheus' node exporter. gitlab-metrics and gitlab-codequality are reports of a job of GitLab: the
numbers that a merge request compares, and what failed or is open, at the line of its test.
"""


def _json(listed: object) -> str:
    return msgspec.json.format(msgspec.json.encode(listed), indent=1).decode()


FORMATS: Mapping[str, Callable[[Sequence[RunRecord], str], str]] = {
    "csv": lambda runs, _: to_csv(runs),
    "markdown": lambda runs, _: to_markdown(runs),
    "customSmallerIsBetter": lambda runs, _: _json(smaller_is_better(runs)),
    "customBiggerIsBetter": lambda runs, _: _json(bigger_is_better(runs)),
    "openmetrics": lambda runs, _: openmetrics(runs),
    "gitlab-metrics": lambda runs, _: gitlab_metrics(runs),
    "gitlab-codequality": lambda runs, folder: _json(code_quality(runs, folder)),
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
    option("--format", choices=tuple(FORMATS), help="the format (default: csv)")
    option(
        "--folder",
        default="",
        metavar="DIR",
        help="the folder of pytest's rootdir in the repository, for gitlab-codequality (default: "
        "the top)",
    )
    option(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="the file to write (default: standard output)",
    )


def _run(arguments: argparse.Namespace) -> int:
    if arguments.json and arguments.format and arguments.output is None:
        raise TrtPerfError(
            "--json and --format are two formats of one output: leave one of them out, or write "
            "the second to a file with --output"
        )
    runs = read_runs(arguments.record)
    text = FORMATS[arguments.format or "csv"](runs, arguments.folder)
    if arguments.output is not None:
        write_atomically(arguments.output, text.encode("utf-8", "replace"))
    if arguments.json:
        say_json(rows(runs))
    elif arguments.output is None:
        say_text(text.replace("\r\n", "\n").rstrip("\n"))
    return ExitStatus.OK
