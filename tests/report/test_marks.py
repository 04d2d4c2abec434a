"""Changes that do not say all by themselves: marked in every table, and explained below it."""

from __future__ import annotations

import pytest

from pytest_trtperf.record.verdict import RaceRecord
from pytest_trtperf.report.markdown import escaped, markdown
from tests.report.test_terminal import compared, lines, measured

SHIFT = "* without what the unchanged engines of this run have in common: "
SAME = "† passes: it is the engine of the baseline"
RACED = "‡ passes: in turns with the engine of the baseline it is not slower"
RACE = RaceRecord(
    value=1.0, reference=1.0, change=0.0, lower=-0.01, upper=0.01, extent="", source=""
)


def shown(*verdicts):
    """The change of each row, and the lines below the table."""
    records = [measured(f"t.py::test_{n}", verdicts=[one]) for n, one in enumerate(verdicts)]
    _, *rest = lines(*records)
    rows, below = rest[: len(records)], rest[len(records) :]
    return [next(word for word in row.split() if "%" in word) for row in rows], below


def beyond(**changes):
    return compared(**{"reason": "within_limit", "limit": 0.05, "change": 0.146, **changes})


def test_a_machine_that_was_taken_away_is_named_once():
    changes, below = shown(
        compared(change=-0.111, shift=0.4, limit=0.05),
        compared(change=0.0, shift=-0.119, limit=0.05),
        compared(change=0.041, shift=0.0),
        compared(change=0.041, shift=None),
        compared(change=0.041, shift=-0.0004),
    )
    assert changes == ["-11.1%*", "+0.0%*", "+4.1%", "+4.1%", "+4.1%"]
    assert below == [f"{SHIFT}-11.9% to +40.0%"]


@pytest.mark.parametrize(
    ("verdict", "change", "below"),
    [
        (beyond(), "+14.6%†", [SAME]),
        (beyond(race=RACE), "+14.6%‡", [RACED]),
        (beyond(shift=-0.119), "+14.6%*†", [f"{SHIFT}-11.9%", SAME]),
        (beyond(limit=0.2), "+14.6%", []),
        (
            beyond(status="fail", reason="over_limit", failed=True, race=RACE, shift=0.4),
            "+0.0%§",
            ["§ in turns with the engine of the baseline, here and now"],
        ),
        (beyond(limit=None), "+14.6%", []),
    ],
)
def test_what_passes_beyond_its_tolerance_says_why(verdict, change, below):
    assert shown(verdict) == ([change], below)


@pytest.mark.parametrize(
    "verdict",
    [
        beyond(status="fail", reason="over_limit", failed=True),
        beyond(reason="environment"),
    ],
)
def test_what_is_explained_elsewhere_has_no_mark(verdict):
    (change,), below = shown(verdict)
    assert change[-1] == "%"
    assert not [line for line in below if line.startswith(("*", "†", "‡"))]


def test_markdown_explains_them_too():
    record = measured(verdicts=[beyond(shift=-0.119)])
    text = markdown("t", [record])
    assert escaped("+14.6%*†") in text
    assert f"- {escaped(f'{SHIFT}-11.9%')}" in text
    assert f"- {SAME}" in text
