"""What the subcommands share: parsers, common options, printed results, exit statuses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec

from pytest_trtperf.baseline.layout import is_module
from pytest_trtperf.baseline.locate import DIRECTORY_NAME
from pytest_trtperf.options.values import parse_path
from pytest_trtperf.record.text import encodable
from pytest_trtperf.text import counted, json_escaped, many_lines, one_line

Parsers = Any  # argparse keeps the type of add_subparsers() to itself
Subcommand = Callable[[argparse.Namespace], int]

MOST_NAMED = 10

# Our modules are imported before pytest may rewrite their asserts, of which they need none.
QUIET_IMPORTS = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class ExitStatus(IntEnum):
    """The exit statuses of `trtperf`, like those of diff and grep."""

    OK = 0
    FOUND = 1
    TROUBLE = 2


STATUSES = """\
exit status:
  0  success
  1  a regression, or a missing or broken test (compare --fail), a number worse than trtexec's
     (compare-trtexec --tolerance), an alarm (trend --fail), no usable backend (doctor), a test that
     failed (build), a bad engine (cache verify, cache export), an engine in use that was kept
     (cache prune, cache clear), an engine without layers to show (layers), a model in no table
     (slo check), nothing to accept (baseline accept), or a file that is no model (init)
  2  wrong usage, or a file that cannot be used
"""


def add_group(commands: Parsers, name: str, *, help: str, description: str) -> Parsers:
    """Adds a command that has commands of its own; returns what those are added to."""
    parser = commands.add_parser(name, help=help, description=description, allow_abbrev=False)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def add_command(
    commands: Parsers, name: str, run: Subcommand, *, help: str, example: str, details: str = ""
) -> argparse.ArgumentParser:
    """Adds a parser with `--json` and an example; `help` begins with a small letter."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        epilog="\n\n".join(filter(None, (f"example:\n{example.rstrip()}", details))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)
    return parser


def say(*lines: str) -> None:
    """Prints lines of the result on standard output; what is no text in them becomes escapes."""
    for line in lines:
        _write(sys.stdout, one_line(line))


def say_text(text: str) -> None:
    """Prints a result that has lines of its own."""
    _write(sys.stdout, many_lines(text))


def say_json(result: object) -> None:
    """Prints the result as JSON on standard output."""
    plain = encodable(msgspec.to_builtins(result))
    text = msgspec.json.format(msgspec.json.encode(plain), indent=1).decode()
    _write(sys.stdout, json_escaped(text))


def note(text: str) -> None:
    """Prints a note beside the result, on standard error."""
    _write(sys.stderr, many_lines(f"trtperf: {text}"))


def note_left_out(reasons: Sequence[str]) -> None:
    """Notes which files of a directory are not records; the first `MOST_NAMED` by name."""
    for reason in reasons[:MOST_NAMED]:
        note(f"left out {reason}")
    if len(reasons) > MOST_NAMED:
        note(f"left out {counted(len(reasons) - MOST_NAMED, 'more file')}")


def _write(stream: Any, line: str) -> None:
    # Names of tests may have characters that the terminal's encoding lacks.
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def parsed(parse: Callable[[object], Any]) -> Callable[[str], Any]:
    """A parser of `options.values` as an argparse type: its ValueError is a usage error."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def add_baseline_dir(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names the baseline directory."""
    parser.add_argument(
        "--baseline-dir",
        type=parsed(parse_path),
        metavar="DIR",
        help="the baseline directory (default: that of the project, see trtperf --show-config; "
        f"else the nearest {DIRECTORY_NAME} above the current directory)",
    )


def add_baseline_command(
    actions: Parsers, name: str, run: Subcommand, *, help: str, example: str, details: str = ""
) -> argparse.ArgumentParser:
    """Adds a subcommand of `trtperf baseline`, see `add_command`."""
    parser = add_command(actions, name, run, help=help, example=example, details=details)
    add_baseline_dir(parser)
    parser.add_argument(
        "--hardware-class", default="*", metavar="NAME", help="only these classes; * and ? match"
    )
    return parser


def add_cache_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that name the engine cache."""
    parser.add_argument(
        "--cache-dir",
        type=parsed(parse_path),
        metavar="DIR",
        help="the engine cache (default: that of the project, see trtperf --show-config; else that "
        "of the user)",
    )
    parser.add_argument(
        "--shared-cache",
        action="store_true",
        default=None,
        help="the cache may be writable by others, see --trtperf-shared-cache (default: as in the "
        "project)",
    )


def take_project_options(arguments: argparse.Namespace) -> None:
    """Fills in what the command has an option for, and what its command line does not give.

    Raises:
        TrtPerfError: pytest's configuration, or a value of it, is not acceptable.
    """
    names = ("cache_dir", "shared_cache", "backend", "lock_dir", "baseline_dir", "baseline_files")
    lacking = [name for name in names if getattr(arguments, name, ...) is None]
    if not lacking:
        return
    from pytest_trtperf.commands.project_options import ProjectOptions

    project = ProjectOptions()
    for name in lacking:
        is_place = name == "baseline_dir"
        setattr(arguments, name, project.baseline_dir if is_place else project.find(name).value)


def parse_test_key(text: str) -> str:
    """Checks the key of a test in a baseline, such as `tests/test_perf.py::test_resnet50`."""
    module, _, test = text.partition("::")
    if not (is_module(module) and test):
        raise argparse.ArgumentTypeError(f"{text!r} is not like tests/test_perf.py::test_resnet50")
    return text


def existing_directory(text: str) -> Path:
    """The path of a directory that exists."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a directory")
    return path
