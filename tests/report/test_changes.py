"""Where a change lies on the scale that the page's rows share, and what links name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.record.verdict import RaceRecord, VerdictRecord
from pytest_trtperf.report.html.changes import Change, Scale, change_in
from pytest_trtperf.report.html.links import anchors, commit_url, commits_page, page_url, project_of

SHARES = st.floats(-0.99, 1e6)


def verdict(**changes: Any) -> VerdictRecord:
    fields: dict[str, Any] = {
        "kind": "baseline", "metric": "gpu_compute median", "status": "pass",
        "reason": "within_limit", "message": "", "change": 0.02, "lower": 0.01, "upper": 0.03,
        "limit": 0.05,
    }  # fmt: skip
    return VerdictRecord(**{**fields, **changes})


def change_of(**changes: Any) -> Change:
    change = change_in(verdict(**changes))
    assert change is not None
    return change


def test_a_lost_rate_is_time():
    change = change_of(metric="throughput", change=-0.5, lower=-0.6, upper=-0.2)
    assert (change.share, change.worse) == (-0.5, 1.0)
    assert (change.worse_lower, change.worse_upper) == pytest.approx((0.25, 1.5))


def test_a_race_decides_only_what_it_failed():
    race = RaceRecord(value=1.1, reference=1.0, change=0.1, lower=0.09, upper=0.11, extent="",
                      source="")  # fmt: skip
    failed = change_of(race=race, failed=True, reason="over_limit")
    assert (failed.share, failed.stored) == (0.1, 0.02)
    kept = change_of(race=race, reason="environment")
    assert (kept.share, kept.stored) == (0.02, None)


@given(st.lists(st.tuples(SHARES, SHARES, SHARES, st.floats(0.0001, 1)), min_size=1, max_size=20))
def test_all_is_drawn_within_the_row(found):
    changes = [
        change_of(change=share, lower=lower, upper=upper, limit=limit)
        for share, lower, upper, limit in found
    ]
    scale = Scale.of(changes)
    assert all(0 <= at <= 100 for _, at in scale.ticks)
    assert 3 <= len(scale.ticks) <= 20
    for change in changes:
        strip = scale.strip(change)
        for at in (strip.at, strip.start, strip.end, strip.low, strip.high, strip.bar_start):
            assert 0 <= at <= 100
        assert (strip.at > 50) == (change.worse > 0) or strip.at == 50
        assert bool(strip.beyond) == (abs(change.worse) > scale.reach)


def test_names_of_links_are_those_of_the_next_page():
    names = anchors("test", [("a", "h200"), ("b", "h200"), ("a", "l4"), ("a", "h200")])
    assert len(set(names)) == 4
    assert anchors("test", [("b", "h200"), ("x", None), ("a", "h200")])[::2] == names[1::-1]
    assert names[3] == f"{names[0]}-2"


@pytest.mark.parametrize(
    ("job", "project", "page"),
    [
        ("https://github.com/a/b/actions/runs/7", "a/b", "https://github.com/a/b/commit/c0ffee"),
        ("https://lab.org/g/s/p/-/jobs/7", "g/s/p", "https://lab.org/g/s/p/-/commit/c0ffee"),
        ("https://jenkins.org/job/7", None, None),
        ("javascript:alert(1)//github.com/a/b/actions/runs/7", None, None),
        (None, None, None),
    ],
)
def test_pages_of_a_repository(job, project, page):
    assert (project_of(job), commit_url(job, "c0ffee")) == (project, page)
    assert commit_url(job, "c0ffee/../..") is None
    assert (commits_page(job) or "") + "c0ffee" == (page or "c0ffee")


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "data:text/html,x", "https://a b", "", None]
)
def test_only_pages_are_links(text):
    assert page_url(text) is None
