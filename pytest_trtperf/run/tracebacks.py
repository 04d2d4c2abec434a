"""How an error of this package looks in a failed test: the test's own line, and the message."""

from __future__ import annotations

import dis
from types import TracebackType

import pytest

from pytest_trtperf.errors import TrtPerfError

_RAISE = dis.opmap["RAISE_VARARGS"]


def shorten(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Leaves out the frames of this package that an error came through, and its causes.

    Its message says what was wrong, where, and what to do; the frames would not help a reader of
    the test. Exceptions that nobody raised on purpose keep theirs: they are defects.
    """
    error = excinfo.value
    if not (isinstance(error, TrtPerfError) or _is_refusal(excinfo)):
        return
    error.__cause__ = error.__context__ = None
    step: TracebackType | None = excinfo.tb
    while step is not None and step.tb_next is not None:
        if _is_ours(step.tb_next):
            step.tb_next = None
        step = step.tb_next


def _is_refusal(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether a `raise` of this package said what is wrong with an argument."""
    last = excinfo.tb
    while last.tb_next is not None:
        last = last.tb_next
    raised = last.tb_frame.f_code.co_code[last.tb_lasti] == _RAISE
    return isinstance(excinfo.value, (TypeError, ValueError)) and raised and _is_ours(last)


def _is_ours(step: TracebackType) -> bool:
    name = str(step.tb_frame.f_globals.get("__name__", ""))
    # The hooks stand around the test.
    return name.startswith("pytest_trtperf.") and name != "pytest_trtperf.fixtures.item_hooks"
