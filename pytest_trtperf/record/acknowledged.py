"""`perf-acknowledged.toml`: alarms that were looked at, and tests whose failures only report.

```toml
[[acknowledged]]
key = "tests/test_perf.py::test_resnet50*"
since = 2026-11-03
reason = "the new post-processing is worth 2 %"
by = "Ada"
until = 2027-02-01

[quarantine."tests/test_perf.py::test_flaky"]
reason = "driver bug 4711"
by = "Ada"
until = 2026-12-01
```
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.files.toml import read_toml
from pytest_trtperf.record.text import matches
from pytest_trtperf.text import brief, in_brief, one_line

FILE = "perf-acknowledged.toml"

MOST_QUARANTINE = timedelta(days=30)

NEAR = timedelta(days=3)
"""How far the date of an alarm may move while nights are added, and still be the same one."""

HOST = "host:"
"""How the name of an alarm of whole hosts begins, which follow with commas between them."""

_HEAD = f"""\
# Alarms of `trtperf trend` that somebody looked at. `trtperf trend acknowledge` adds to it.
# An entry covers what began up to {NEAR.days} nights after its `since`, as dates may move.
"""


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alarm that was looked at: its level is the one to compare with from that night on.

    `key` names a test or an alarm of many tests, as it is or as it is shown; `*` stands for
    anything, `?` for one character. One that names several hosts holds for each of them.
    """

    key: str
    since: date
    reason: str
    by: str
    until: date | None = None

    def covers(self, key: str, since: date, ended: date | None, night: date) -> bool:
        """Whether an alarm is this one.

        Args:
            since, ended: when it began, and when it was over.
            night: the last night of the records, on which this may have expired.
        """
        lasted = ended is None or ended + NEAR >= self.since
        return (
            any(matches(one, name) for one in self._patterns() for name in (key, one_line(key)))
            and since - NEAR <= self.since
            and lasted
            and not self.is_expired(night)
        )

    def _patterns(self) -> list[str]:
        if not self.key.startswith(HOST):
            return [self.key]
        return [self.key, *(HOST + host for host in self.key.removeprefix(HOST).split(","))]

    def is_expired(self, night: date) -> bool:
        """Whether it does not hold any more."""
        return self.until is not None and night > self.until


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test whose regressions report and do not fail until the end of a day.

    `budgets` says that its budgets do not fail either.
    """

    reason: str
    by: str
    until: date
    budgets: bool = False


class Acknowledgements(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    acknowledged: list[Acknowledged] = []
    quarantine: dict[str, Quarantined] = {}

    def quarantined(self, names: Collection[str], today: date) -> Quarantined | None:
        """What holds today for a test, by any of its names."""
        for pattern, one in self.quarantine.items():
            if one.until >= today and any(matches(pattern, name) for name in names):
                return one
        return None


def read_acknowledged(path: Path) -> Acknowledgements:
    """The file's content; nothing where there is no file.

    Raises:
        BaselineError: it cannot be read, is no TOML, or has a key or value that does not fit.
    """
    try:
        data = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Acknowledgements()
    except (OSError, UnicodeDecodeError) as error:
        raise BaselineError(f"{path} cannot be read: {error}") from error
    return parse_acknowledged(data, path)


def read_quarantine(path: Path, today: date) -> Acknowledgements:
    """The same for one who spares the tests in quarantine.

    Raises:
        BaselineError: as for `read_acknowledged`, or a quarantine is longer than allowed.
    """
    found = read_acknowledged(path)
    for key, one in found.quarantine.items():
        if one.until > today + MOST_QUARANTINE:
            raise BaselineError(
                f"{path}: the quarantine of {brief(key)} ends on {one.until}, and at most "
                f"{MOST_QUARANTINE.days} days from today are allowed"
            )
    return found


def parse_acknowledged(data: str, path: Path) -> Acknowledgements:
    """The content of a file with this text.

    Raises:
        BaselineError: it is no TOML, or has a key or value that does not fit.
    """
    try:
        plain = read_toml(data)
        _check_quarantines(plain.get("quarantine"))
        found = msgspec.convert(plain, Acknowledgements)
    except (ValueError, msgspec.ValidationError) as error:
        raise BaselineError(f"{path}: {in_brief(error)}") from error
    for key, one in found.quarantine.items():
        if not key or not one.reason.strip():
            raise BaselineError(f"{path}: the quarantine of {brief(key)} gives no reason")
    return found


def _check_quarantines(plain: object) -> None:
    """Names the entry that does not fit, whose key a path of msgspec leaves out."""
    for key, one in plain.items() if isinstance(plain, dict) else ():
        try:
            msgspec.convert(one, Quarantined)
        except msgspec.ValidationError as error:
            raise ValueError(f"the quarantine of {brief(key)}: {error}") from None


def entry(one: Acknowledged) -> str:
    """An entry as text of TOML, to be put at the end of the file."""
    fields: dict[str, Any] = msgspec.structs.asdict(one)
    lines = [
        f"{name} = {value.isoformat() if isinstance(value, date) else _quoted(value)}"
        for name, value in fields.items()
        if value is not None
    ]
    return "\n".join(["[[acknowledged]]", *lines, ""])


def with_entry(text: str, one: Acknowledged) -> str:
    """The text of the file with another entry, which leaves all else in it as it is.

    An entry of an array of tables may follow any table, so that nothing above it changes.
    """
    start = text.rstrip("\n") + "\n" if text.strip() else _HEAD
    return f"{start}\n{entry(one)}"


def _quoted(text: str) -> str:
    """A basic string of TOML 1.0: JSON's escapes, and that of DEL."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
