"""The command `trtperf`: work on baselines and records outside of pytest.

Each subcommand is a file of `commands` by its name, whose `add` adds its parser and names what to
call; that returns the exit status, and may raise a TrtPerfError.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence

from pytest_trtperf import __version__
from pytest_trtperf.commands.common import STATUSES, Status, note
from pytest_trtperf.errors import TrtPerfError

COMMANDS = (
    "compare", "merge", "trend", "report", "export", "baseline", "cache", "import-trtexec",
    "doctor",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; `argv` is that of the process unless given.

    Raises:
        SystemExit: with 2 on wrong usage, with 0 after --help.
    """
    words = _joined(sys.argv[1:] if argv is None else argv)
    arguments = build_parser(words[0] if words else "").parse_args(words)
    try:
        with _no_collection():
            status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read this has seen enough; Python would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Status.OK
    except (TrtPerfError, OSError) as error:
        note(f"error: {error}")
        return Status.TROUBLE
    return status


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Records are large trees without cycles, which the collector would walk again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def build_parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of one subcommand, so that no other is imported, or of all of them."""
    parser = argparse.ArgumentParser(
        prog="trtperf",
        description="Works on the baselines and records of pytest-trtperf.",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"pytest-trtperf {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in (command,) if command in COMMANDS else COMMANDS:
        module = importlib.import_module(f"pytest_trtperf.commands.{name.replace('-', '_')}")
        module.add(commands)
    return parser


def _joined(argv: Sequence[str]) -> list[str]:
    """`--command VALUE` in one word: argparse takes a VALUE of one option for an option of ours."""
    words = list(argv)
    if "--command" in words[:-1]:
        place = words.index("--command")
        words[place : place + 2] = [f"--command={words[place + 1]}"]
    return words


if __name__ == "__main__":
    sys.exit(main())
