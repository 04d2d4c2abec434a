"""`perf-acknowledged.toml`: what is written, read, and covered."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.acknowledged import (
    Acknowledged,
    read_acknowledged,
    with_entry,
)
from pytest_trtperf.record.text import matches

NIGHT = date(2026, 3, 4)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(key=TEXTS, reason=TEXTS, by=TEXTS, until=st.none() | st.dates())
def test_any_text_is_written_and_read(tmp_path_factory, key, reason, by, until):
    path = tmp_path_factory.mktemp("any") / "file.toml"
    one = Acknowledged(key=key, since=NIGHT, reason=reason, by=by, until=until)
    path.write_text(with_entry("", one), encoding="utf-8", newline="")
    assert read_acknowledged(path).acknowledged == [one]


def test_what_is_there_stays(tmp_path):
    path = tmp_path / "file.toml"
    one = Acknowledged(key="a", since=NIGHT, reason="r", by="b")
    old = '# ours\n[quarantine."t"]\nreason = "x"\nby = "y"\nuntil = 2026-01-01'
    path.write_text(with_entry(with_entry(old, one), one))
    assert path.read_text().startswith(old)
    found = read_acknowledged(path)
    assert found.acknowledged == [one, one]
    assert list(found.quarantine) == ["t"]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("t.py::test_a", "t.py::test_a", True),
        ("t.py::test_a", "t.py::test_ab", False),
        ("t.py::*", "t.py::test_a[1]", True),
        ("t.py::test_a[1-x]", "t.py::test_a[1-x]", True),
        ("t.py::test_a[1-x]", "t.py::test_a1", False),
        ("host:lab?", "host:lab3", True),
        ("*", "", True),
    ],
)
def test_only_star_and_question_mark_are_special(pattern, text, expected):
    assert matches(pattern, text) is expected


@pytest.mark.parametrize(
    ("since", "ended", "night", "covered"),
    [
        (NIGHT, None, date(2026, 5, 1), True),
        (date(2026, 1, 1), None, NIGHT, True),  # it stood on that night
        (date(2026, 3, 7), None, NIGHT, True),  # its date moved
        (date(2026, 3, 8), None, NIGHT, False),  # another one, later
        (date(2026, 1, 1), date(2026, 2, 1), NIGHT, False),  # it was over
        (NIGHT, None, date(2026, 6, 2), False),  # expired
    ],
)
def test_covers_what_stood_on_its_night(since, ended, night, covered):
    one = Acknowledged(key="a", since=NIGHT, reason="r", by="b", until=date(2026, 6, 1))
    assert one.covers("a", since, ended, night) is covered
    assert not one.covers("b", since, ended, night)


@pytest.mark.parametrize("since", [date.min, date.max])
def test_any_date_is_compared(since):
    one = Acknowledged(key="a", since=since, reason="r", by="b")
    assert one.covers("a", NIGHT, None, NIGHT) is (since == date.max)


def test_no_file_acknowledges_nothing(tmp_path):
    assert read_acknowledged(tmp_path / "none.toml").acknowledged == []


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[[acknowledged", "file.toml"),
        ('[[acknowledged]]\nkey = "a"', "missing required field `since`"),
        ('[[acknowledge]]\nkey = "a"', "unknown field `acknowledge`"),
        ('[quarantine.a]\nreason = " "\nby = "b"\nuntil = 2026-01-01', "no reason"),
        ('[quarantine."t::b"]\nby = "b"', "quarantine of 't::b': Object missing .* `reason`"),
    ],
)
def test_wrong_file_is_named(tmp_path, text, match):
    path = tmp_path / "file.toml"
    path.write_text(text)
    with pytest.raises(BaselineError, match=match):
        read_acknowledged(path)
