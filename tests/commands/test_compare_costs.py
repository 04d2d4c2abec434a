"""`trtperf compare` and what engines cost beside their queries."""

from __future__ import annotations

import pytest

from pytest_trtperf.record.model import CostRecord
from pytest_trtperf.record.verdict import VerdictRecord

KEY = "tests/test_x.py::test_a"


def cost(value, unit="ms", values=None, **more):
    return CostRecord(value=value, unit=unit, values=values or [value], **more)


def gate(title, limit, *, change=0.0, upper=0.0):
    return VerdictRecord(
        kind="baseline", metric=title, status="pass", reason="within_limit", message="",
        limit=limit, change=change, upper=upper,
    )  # fmt: skip


@pytest.fixture
def compare(trtperf, write_run, make_measurement):
    """Compares measurements that took the same time and have these costs."""

    def run(old, new, *options, verdicts=()):
        before = write_run("old", make_measurement(costs=old))
        after = write_run("new", make_measurement(costs=new, verdicts=list(verdicts)))
        return trtperf("compare", before, after, *options)

    return run


OLD = {
    "load_time": cost(12.0), "energy_per_query": cost(40.0, "mJ"), "engine_size": cost(64.0, "MiB"),
    "build_time": cost(30.0, "s"), "device_memory": cost(0.0, "MiB"), "cold_start": cost(80.0),
}  # fmt: skip
NEW = {
    **OLD, "load_time": cost(15.0), "engine_size": cost(32.0, "MiB"), "build_time": cost(30.2, "s"),
}  # fmt: skip


def test_what_changed_is_listed_with_its_unit_and_the_rest_is_counted(compare):
    result = compare(OLD, NEW, "--fail")
    assert result.status == 0
    header, *rows, counts, summary = result.out.splitlines()
    assert header.split() == ["test", "metric", "old", "new", "change", "interval", "verdict"]
    assert [row.removeprefix(KEY).split() for row in rows] == [
        ["engine", "size", "(MiB)", "64", "32", "-50.0%", "-", "not", "judged"],
        ["load", "time", "(ms)", "12", "15", "+25.0%", "-", "not", "judged"],
    ]
    assert counts == "costs, not judged without gate=: 2 changed by over 1%, 4 unchanged"
    assert summary == "1 compared: 0 regressed, 0 inconclusive; 0 missing, 0 added"
    assert "-20.0%" in compare(NEW, OLD).out
    assert "+100.0%" in compare(NEW, OLD).out


def test_all_shows_what_is_unchanged_too(compare):
    out = compare(OLD, NEW, "--all").out
    assert out.count("not judged\n") == len(OLD)
    assert "build time (s)" in out


@pytest.mark.parametrize(("old", "new"), [({}, OLD), (OLD, {}), ({}, {})])
def test_a_record_without_the_figures_is_compared_without_them(compare, old, new):
    out = compare(old, new).out
    assert out == "1 compared: 0 regressed, 0 inconclusive; 0 missing, 0 added\n"


def test_what_was_nothing_has_no_change_in_percent(compare):
    out = compare({"device_memory": cost(0.0, "MiB")}, {"device_memory": cost(4.0, "MiB")}).out
    assert "device memory (MiB)    0    4       -         -  not judged\n" in out


def test_as_json(compare):
    (one,) = compare(OLD, NEW, "--json").json["compared"]
    found = {each.pop("name"): each for each in one["costs"]}
    assert found.keys() == OLD.keys()
    assert found["load_time"] == {"unit": "ms", "old": 12.0, "new": 15.0, "change": 0.25}
    assert found["device_memory"]["change"] is None


def test_as_markdown(compare):
    out = compare(OLD, NEW, "--format=markdown").out
    assert "| load time (ms) | 12 | 15 | +25.0% | - | not judged |" in out
    assert "2 changed by over 1%, 4 unchanged" in out


def test_of_many_changes_the_largest_are_shown(trtperf, write_run, make_measurement):
    def costing(name, ms):
        return make_measurement(f"tests/t.py::test[{name}]", costs={"load_time": cost(ms)})

    old = write_run("old", *(costing(n, 10.0) for n in range(30)))
    new = write_run("new", *(costing(n, 10.0 + n) for n in range(30)))
    out = trtperf("compare", old, new).out
    assert out.count("not judged\n") == 10
    assert "test[29]" in out
    assert "test[19]" not in out
    assert "29 changed by over 1%, the 10 largest are shown, 1 unchanged\n" in out
    assert trtperf("compare", old, new, "--all").out.count("not judged\n") == 30


@pytest.mark.parametrize(
    ("name", "old", "new", "word", "status"),
    [
        ("load_time", cost(10.0), cost(15.0, values=[15.0] * 5, is_gated=True), "REGRESSED", 1),
        ("load_time", cost(10.0), cost(15.0, is_gated=True), "inconclusive", 0),
        ("load_time", cost(10.0), cost(5.0, is_gated=True), "same", 0),
        ("engine_size", cost(10.0, "MiB"), cost(13.0, "MiB", is_gated=True), "REGRESSED", 1),
        ("engine_size", cost(10.0, "MiB"), cost(12.0, "MiB", is_gated=True), "same", 0),
        ("energy_per_query", cost(10.0, "mJ"), cost(12.2, "mJ", is_gated=True), "inconclusive", 0),
    ],
)
def test_a_figure_with_a_gate_is_judged_by_its_tolerance(compare, name, old, new, word, status):
    verdicts = [gate(name.replace("_", " "), 0.2, change=0.0, upper=0.05)]
    if name != "energy_per_query":
        verdicts = [gate(name.replace("_", " "), 0.2)]
    result = compare({name: old}, {name: new}, "--fail", "--all", verdicts=verdicts)
    assert result.status == status
    (row,) = [one for one in result.out.splitlines() if name.replace("_", " ") in one]
    assert row.endswith(word)
    assert "not judged" not in result.out
    failed = compare({name: old}, {name: new}, "--fail", "--inconclusive=fail", verdicts=verdicts)
    assert failed.status == int(word != "same")


def test_a_gate_without_a_baseline_has_no_tolerance_to_judge_by(compare):
    result = compare({"load_time": cost(10.0)}, {"load_time": cost(90.0, is_gated=True)}, "--fail")
    assert result.status == 0
    assert "not judged" in result.out
