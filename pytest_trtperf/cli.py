"""The command `trtperf`: works on baselines, records and the engine cache outside of pytest.

Each subcommand is a module of `commands` with the same name. Its `add` adds the parser and sets
the function to run, which returns the exit status and may raise a TrtPerfError.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from pytest_trtperf.backend.quiet import no_garbage_collection
from pytest_trtperf.commands.common import STATUSES, ExitStatus, note, take_project_options
from pytest_trtperf.commands.parser import Parser
from pytest_trtperf.errors import TrtPerfError
from pytest_trtperf.version import VERSION

COMMANDS = (
    "build", "compare", "merge", "trend", "trend acknowledge", "report", "export", "baseline",
    "cache", "layers", "import-trtexec", "compare-trtexec", "doctor", "bisect-run", "init", "slo",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line `argv`, by default that of the process, and returns the exit status.

    Raises:
        SystemExit: with 2 on wrong usage, with 0 after --help.
    """
    words = joined(sys.argv[1:] if argv is None else argv)
    try:
        arguments = build_parser(words[0] if words else "").parse_args(words)
        # Records are large trees without cycles, which the collector would walk again and again.
        take_project_options(arguments)
        with no_garbage_collection():
            status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader closed the pipe; Python would report an error when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.OK
    except TrtPerfError as error:
        note(f"error: {error}")
        return ExitStatus.TROUBLE
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        note(f"error: {where}{error.strerror or error}")
        return ExitStatus.TROUBLE
    return status


def build_parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of `command` alone, so that no other is imported; of all without a known one."""
    parser = Parser(
        prog="trtperf",
        description="Works on the baselines, records and engine cache of pytest-trtperf.",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"pytest-trtperf {VERSION}")
    parser.add_argument(
        "--show-config",
        action=ShowConfig,
        help="show the options that a project gives to pytest-trtperf, and where; then exit",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in (command,) if command in COMMANDS else COMMANDS:
        file = name.replace("-", "_").replace(" ", "_")
        module = importlib.import_module(f"pytest_trtperf.commands.{file}")
        module.add(commands)
    return parser


def joined(argv: Sequence[str]) -> list[str]:
    """Words that argparse does not take for options: VALUE of `--command`, and all of pytest's."""
    words = list(argv)
    if words[:1] == ["build"] and words[1:] not in (["-h"], ["--help"]):
        return ["build", "--", *words[1:]]
    if words[:2] == ["trend", "acknowledge"]:
        words = ["trend acknowledge", *words[2:]]
    if "--command" in words[:-1]:
        place = words.index("--command")
        words[place : place + 2] = [f"--command={words[place + 1]}"]
    return words


class ShowConfig(argparse.Action):
    """`--show-config`: shows the options, and ends the command."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Shows them.

        Raises:
            SystemExit: always.
        """
        from pytest_trtperf.commands.show_config import show_config

        try:
            status = show_config()
            sys.stdout.flush()
        except TrtPerfError as error:
            note(f"error: {error}")
            status = ExitStatus.TROUBLE
        parser.exit(status)


if __name__ == "__main__":
    sys.exit(main())
