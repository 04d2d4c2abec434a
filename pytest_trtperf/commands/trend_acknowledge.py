"""`trtperf trend acknowledge`: says that an alarm was looked at."""

from __future__ import annotations

import argparse
import re
from datetime import date, timezone
from pathlib import Path

from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_command,
    note,
    say,
    say_json,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.files.atomic import write_atomically
from pytest_trtperf.record.acknowledged import (
    FILE,
    HOST,
    NEAR,
    Acknowledged,
    parse_acknowledged,
    read_acknowledged,
    with_entry,
)
from pytest_trtperf.record.night_of import tonight
from pytest_trtperf.text import brief

NAME = "trend acknowledge"

_LIKE_A_DATE = re.compile(r"[0-9]+-[0-9]+-[0-9]+")

_COUNT = re.compile(rf"^({HOST}.*): [0-9]+ tests?(?=@|$)")
"""What follows the name of an alarm of many tests where it is shown."""

_EXAMPLE = """\
  trtperf trend acknowledge "tests/test_perf.py::test_a" --by Ada --reason "more layers"
  trtperf trend acknowledge host:lab3@2026-03-04 --by Ada --reason "driver 590" --until 2026-06-01
"""

_DETAILS = """\
The level that the test has is then the one to compare with: what gets slower later is an alarm of
its own. The entry is written to perf-acknowledged.toml, which belongs in the repository.
"""


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        NAME,
        _run,
        help="acknowledge an alarm of `trtperf trend`, or a missing test",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option(
        "key",
        type=_key,
        metavar="KEY[@DATE]",
        help="what `trtperf trend` shows under `what`; * stands for anything. DATE is since when "
        "(default: whatever began by tonight)",
    )
    option("--reason", required=True, type=_text, metavar="TEXT", help="why it may stay")
    option("--by", required=True, type=_text, metavar="NAME", help="who looked at it")
    option("--until", type=_date, metavar="DATE", help="after this day it alarms again")
    option(
        "--file",
        type=Path,
        default=Path(FILE),
        metavar="FILE",
        help="the file to write (default: %(default)s in the current directory)",
    )


def _key(text: str) -> tuple[str, date | None]:
    text = _COUNT.sub(r"\1", text)
    key, at, since = text.rpartition("@")
    if not at:
        return _text(text), None
    if not _LIKE_A_DATE.fullmatch(since):
        return _text(text), None  # an @ may be part of a test's name
    return _text(key), _date(since)


def _text(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day like 2026-03-04") from None


def _run(arguments: argparse.Namespace) -> int:
    path: Path = arguments.file
    known = read_acknowledged(path).acknowledged
    key, since = arguments.key
    now = tonight(timezone.utc)
    by = since or now
    one = Acknowledged(
        key=key,
        # Dates of alarms may move by `NEAR`; what begins after tonight is another alarm.
        since=since or by - NEAR,
        reason=arguments.reason,
        by=arguments.by,
        until=arguments.until,
    )
    same = (one.key, one.since, one.until)
    if reasons := [it.reason for it in known if (it.key, it.since, it.until) == same]:
        note(f"{path} has this already, with the reason {brief(reasons[0])}: nothing is written")
        if arguments.json:
            say_json(one)
        return ExitStatus.OK
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    text = with_entry(before, one)
    try:
        parse_acknowledged(text, path)
    except BaselineError as error:
        raise BaselineError(
            f"nothing is written, since the entry does not fit what is in {path}: write "
            f"`acknowledged = [...]` there as [[acknowledged]] tables ({error})"
        ) from error
    write_atomically(path, text.encode())
    if one.is_expired(now):
        note(f"--until {one.until} is over already, so that this holds for no night from now on")
    if arguments.json:
        say_json(one)
    else:
        say(f"{path}: {key} is acknowledged, as far as it began by {by}")
    return ExitStatus.OK
