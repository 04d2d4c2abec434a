"""A test of a run as pytest reports it, whatever it measured."""

from __future__ import annotations

from typing import Literal

from pytest_trtperf.record.base import Record

Outcome = Literal[
    "passed", "failed", "error", "xfailed", "xpassed", "skipped", "unchanged", "unfinished"
]
"""pytest's words, and two more.

error: set-up or teardown failed. unchanged: skipped, since nothing that the test depends on has
changed. unfinished: the run ended before the test did.
"""

FAILED = ("failed", "error")
"""The outcomes that make a run red."""

PASSED = ("passed", "xpassed")
"""The outcomes after which a measurement may become a baseline."""

UNCHANGED_REASON = "trtperf: unchanged"
"""Why a test is skipped whose outcome is `unchanged`, as pytest shows it."""


class AttemptRecord(Record, frozen=True, kw_only=True):
    """One of several attempts at a test, which a plugin ran again; of the last, too.

    `by_verdict` is whether a verdict failed it; older records do not say so of any.
    """

    outcome: Outcome
    seconds: float
    reason: str = ""
    by_verdict: bool = False


class ItemRecord(Record, frozen=True, kw_only=True):
    """A test that has the fixtures of this plugin.

    `test` and `key` are as in `MeasurementRecord`; the keys of its measurements begin with its own.
    `seconds` are those of set-up, call and teardown. `reason` is the first line of why it did
    not pass, and `output` of one that failed is its traceback and what it printed, as pytest
    shows them, without its middle where it is long. `attempts` are there where it ran more than
    once. `failed_subtests` are reasons. `swallowed` are messages of verdicts that failed
    although the test did not. `measures` is whether it asks for a fixture that measures, and
    `quarantined` whether a quarantine alone kept it from failing.
    """

    test: str
    key: str
    outcome: Outcome
    line: int | None = None
    reason: str = ""
    seconds: dict[str, float] = {}
    attempts: list[AttemptRecord] = []
    owner: str | None = None
    labels: dict[str, str] = {}
    failed_subtests: list[str] = []
    swallowed: list[str] = []
    measures: bool = False
    quarantined: bool = False
    output: str = ""
