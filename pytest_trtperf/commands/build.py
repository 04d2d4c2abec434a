"""`trtperf build`: builds the engines that tests ask for, and measures nothing."""

from __future__ import annotations

import argparse

import pytest

from pytest_trtperf.commands.common import QUIET_IMPORTS, ExitStatus, Parsers, note

_STATUSES = {
    pytest.ExitCode.OK: ExitStatus.OK,
    pytest.ExitCode.TESTS_FAILED: ExitStatus.FOUND,
}


def add(commands: Parsers) -> None:
    """Adds `build`."""
    parser = commands.add_parser(
        "build",
        help="build the engines that tests ask for, and measure nothing",
        description="Builds the engines that tests ask for, and measures nothing: runs pytest with "
        "--trtperf-build-only.",
        epilog="example:\n  trtperf build tests/perf --trtperf-backend=tensorrt-rtx\n\n"
        "All arguments are pytest's. Exits with 1 if a test failed, as it does if its engine "
        "cannot be built, and with 2 if no test asks for an engine.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "pytest", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="of pytest: paths, options"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> ExitStatus:
    words = arguments.pytest[arguments.pytest[:1] == ["--"] :]
    status = pytest.main([*QUIET_IMPORTS, "--trtperf-build-only", *words])
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        note("error: no test asks for an engine")
    return _STATUSES.get(pytest.ExitCode(status), ExitStatus.TROUBLE)
