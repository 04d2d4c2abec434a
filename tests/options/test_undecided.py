"""Which option fails what was not decided."""

from __future__ import annotations

import pytest

from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.resolve import Sources, override, resolve
from pytest_trtperf.options.undecided import (
    baseline_required_by,
    comparison_failed_by,
    failed_by,
)

FAIL, REQUIRE, STRICT = (
    "--trtperf-inconclusive=fail",
    "--trtperf-require-baseline",
    "--trtperf-strict",
)


def given(**options: object) -> Settings:
    """The settings of a run with these options on the command line."""
    return resolve(
        Sources({f"trtperf_{k}": v for k, v in options.items()}.get, {}, lambda _: "", None)
    )


@pytest.mark.parametrize(
    ("options", "verdict", "comparison", "baseline"),
    [
        ({}, None, None, None),
        ({"inconclusive": "warn"}, None, None, None),
        ({"inconclusive": "estimate"}, None, None, None),
        ({"inconclusive": "fail"}, FAIL, FAIL, None),
        ({"require_baseline": True}, None, REQUIRE, REQUIRE),
        ({"require_baseline": True, "inconclusive": "fail"}, FAIL, FAIL, REQUIRE),
        ({"strict": True}, STRICT, STRICT, STRICT),
    ],
)
def test_option_that_fails_it_is_named(
    options: dict[str, object], verdict: str | None, comparison: str | None, baseline: str | None
) -> None:
    settings = given(**options)
    assert failed_by(settings) == verdict
    assert comparison_failed_by(settings) == comparison
    assert baseline_required_by(settings) == baseline


def test_strict_stands_for_options_that_a_call_overrides() -> None:
    settings = given(strict=True)
    assert (settings.require_baseline, settings.inconclusive) == (True, "fail")
    assert failed_by(override(settings, {"inconclusive": "warn"}, "call")) is None
