"""What the subcommands share: how a parser is added, and how a command speaks."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec

from pytest_trtperf.baseline.locate import DIRECTORY_NAME
from pytest_trtperf.errors import CacheError
from pytest_trtperf.options.values import parse_bool, parse_path

Parsers = Any  # argparse keeps the type of add_subparsers() to itself
Command = Callable[[argparse.Namespace], int]

MOST_NAMED = 10


class Status(IntEnum):
    """Exit statuses, as diff and grep have them."""

    OK = 0
    FOUND = 1
    TROUBLE = 2


STATUSES = """\
exit status:
  0  done, and nothing was found that ought to fail
  1  found: a regression (compare --fail), an alarm (trend --fail), no way to measure (doctor), an
     engine that is bad (cache verify) or in use (cache prune, cache clear)
  2  wrong usage, or a file that cannot be used
"""


def add_command(
    commands: Parsers, name: str, run: Command, *, help: str, example: str, details: str = ""
) -> argparse.ArgumentParser:
    """A parser with `--json` and an example; `help` begins with a small letter."""
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
    """Prints what was asked for."""
    for line in lines:
        _write(sys.stdout, line)


def say_json(result: object) -> None:
    """Prints a result for programs."""
    say(msgspec.json.format(msgspec.json.encode(result), indent=1).decode())


def note(line: str) -> None:
    """Tells what a person should know beside the result."""
    _write(sys.stderr, f"trtperf: {line}")


def note_left_out(reasons: Sequence[str]) -> None:
    """Tells which files of a directory are no records; the first few by name."""
    for reason in reasons[:MOST_NAMED]:
        note(f"left out {reason}")
    if len(reasons) > MOST_NAMED:
        note(f"left out {len(reasons) - MOST_NAMED} more files")


def _write(stream: Any, line: str) -> None:
    # Names of tests may have what the terminal's encoding lacks.
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def parsed(parse: Callable[[object], Any]) -> Callable[[str], Any]:
    """A parser of `option_values` as the type of an argument."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def add_baseline_dir(parser: argparse.ArgumentParser) -> None:
    """The option that says which baseline directory is meant."""
    parser.add_argument(
        "--baseline-dir",
        type=parsed(parse_path),
        default=os.environ.get("TRTPERF_BASELINE_DIR") or Path(DIRECTORY_NAME),
        metavar="DIR",
        help=f"default: $TRTPERF_BASELINE_DIR, else {DIRECTORY_NAME} in the current directory",
    )


def add_cache_options(parser: argparse.ArgumentParser) -> None:
    """Options that say which engine cache is meant, see `chosen_cache`."""
    parser.add_argument(
        "--cache-dir",
        type=parsed(parse_path),
        default=os.environ.get("TRTPERF_CACHE_DIR") or None,
        metavar="DIR",
        help="default: $TRTPERF_CACHE_DIR, else the user's cache",
    )
    parser.add_argument(
        "--shared-cache",
        action="store_true",
        help="others may write there, see --trtperf-shared-cache; or $TRTPERF_SHARED_CACHE",
    )


def chosen_cache(arguments: argparse.Namespace) -> tuple[Path | None, bool]:
    """What `cache_place` takes: the directory, if one was named, and whether it is to be shared.

    Raises:
        CacheError: an environment variable makes no sense.
    """
    name = "TRTPERF_SHARED_CACHE"
    try:
        shared = parse_bool(os.environ.get(name) or "0")
    except ValueError as error:
        raise CacheError(f"environment variable {name}: {error}") from None
    return arguments.cache_dir, arguments.shared_cache or shared


def parse_test_key(text: str) -> str:
    """The key of a test in a baseline, `tests/test_perf.py::test_resnet50`."""
    module, _, test = text.partition("::")
    if not (module.endswith(".py") and test):
        raise argparse.ArgumentTypeError(f"{text!r} is not like tests/test_perf.py::test_resnet50")
    return text


def existing_directory(text: str) -> Path:
    """A directory that is there."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a directory")
    return path
