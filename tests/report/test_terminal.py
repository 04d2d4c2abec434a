"""What a run prints at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.record.model import MeasurementRecord, SessionRecord
from pytest_trtperf.record.verdict import FindingRecord, VerdictRecord
from pytest_trtperf.report.outcomes import COLUMNS
from pytest_trtperf.report.terminal import header, summary_lines

ADVICE = (
    "  no test fails because of this: --trtperf-inconclusive=fail fails it; --trtperf-strict also "
    "fails a missing baseline"
)
SESSION = SessionRecord(cold_start_ms=3.0, warm_up={}, rounds=[])


def measured(key="tests/test_x.py::test_a", **changes: Any) -> MeasurementRecord:
    summary = {"median": 1.25, "p99": 2.5}
    fields: dict[str, Any] = {
        "test": key, "key": key, "module": "tests/test_x.py", "baseline_dir": "perf-baselines",
        "device": "NVIDIA H200", "engine": {}, "shapes": {}, "mode": {},
        "summary": {"latency": summary}, "throughput": 800.0, "sessions": [SESSION], "verdicts": [],
        "findings": [], "baseline": "missing",
        "time_to_steady_s": 0.3, "energy_per_query_mj": None,
        "device_memory": {}, "judged_metric": "latency", "layers": [],
    }  # fmt: skip
    return MeasurementRecord(**{**fields, **changes})


def compared(**changes: Any) -> VerdictRecord:
    fields: dict[str, Any] = {
        "kind": "baseline", "metric": "gpu_compute median", "status": "pass", "reason": "",
        "message": "", "baseline": 1.2, "change": 0.041,
    }  # fmt: skip
    return VerdictRecord(**{**fields, **changes})


def lines(*records: MeasurementRecord, **changes: Any) -> list[str]:
    options: dict[str, Any] = {
        "missing": [],
        "written": [],
        "stale": [],
        "removed": False,
        "errors": [],
    }
    return summary_lines(records, **{**options, **changes})


def test_header_names_backend_device_and_versions():
    line = header("tensorrt-rtx", "NVIDIA H200", {"driver": "580.1", "cuda": "13.0"})
    assert line == "trtperf: tensorrt-rtx on NVIDIA H200 (cuda 13.0, driver 580.1)"


def test_nothing_measured():
    assert lines() == ["nothing was measured"]


def test_columns_are_aligned():
    short, long = measured("a", baseline="off"), measured("a" * 40, baseline="off")
    title, *rows = lines(short, long)
    assert title.split() == " ".join(COLUMNS).split()
    ends = {row.index("800") + len("800") for row in rows}
    assert ends == {title.index("QPS") + len("QPS")}
    assert all(line == line.rstrip() for line in (title, *rows))


def test_budgets_and_the_comparison_share_a_row():
    budgets = [
        VerdictRecord(
            kind="budget", metric=metric, status="pass", reason="", message="", limit=limit
        )
        for metric, limit in (
            ("P99 of latency", 2.5),
            ("P90 of response", 3.0),
            ("throughput", 500),
        )
    ]
    record = measured(verdicts=[*budgets, compared()], baseline="compared")
    _, row = lines(record)
    assert "P99<=2.5, P90 of response<=3, >=500 qps" in row
    assert "gpu_compute median 1.2" in row
    assert "+4.1%" in row
    assert row.endswith("pass")


def test_failed_comparison_is_shown_before_the_others():
    failed = compared(metric="latency P99", status="fail", failed=True, baseline=2.0, change=0.25)
    _, row = lines(measured(verdicts=[compared(), failed], baseline="compared"))
    assert "latency P99 2 " in row
    assert "+25.0%" in row
    assert row.endswith("FAIL latency P99")


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [
        ([], "measured"),
        ([compared(reason="estimate")], "pass (by estimate)"),
        ([compared(), compared(status="inconclusive")], "inconclusive"),
    ],
)
def test_verdict(verdicts, word):
    row = lines(measured(verdicts=verdicts, baseline="compared"))[1]
    assert row.endswith(f"  {word}")


def test_what_was_not_decided_is_explained_and_counted_last():
    open_ones = [
        measured(
            f"t.py::test_{name}",
            verdicts=[
                compared(),
                compared(status="inconclusive", reason=why, message=f"why {name}"),
            ],
        )
        for name, why in (("a", "too_few_queries"), ("b", "not_steady"), ("c", "too_few_queries"))
    ]
    failed = measured("t.py::test_d", verdicts=[*open_ones[0].verdicts, compared(failed=True)])
    counted = "3 of 4 measurements were not decided"
    for verbosity in (-1, 0, 1):
        found = lines(*open_ones, failed, errors=["e"], deprecated=["old"], verbosity=verbosity)
        assert found[-4:] == [
            "old",
            "ERROR: e",
            f"{counted}: 2 too few queries (test_a, test_c), 1 not steady (test_b)",
            ADVICE,
        ]
        assert [line for line in found if line.startswith("why")].count("why b") == (verbosity >= 0)


def test_few_of_many_that_were_not_decided_are_named():
    verdict = compared(status="inconclusive", reason="overlaps_limit")
    found = lines(*(measured(f"t.py::test_{i}", verdicts=[verdict]) for i in range(7)))
    assert found[-2] == (
        "7 of 7 measurements were not decided: 7 too close to the limit "
        "(test_0, test_1, test_2, test_3, test_4, and 2 more)"
    )
    one = lines(measured(verdicts=[verdict]))
    assert one[-2].startswith("1 of 1 measurement was not decided: 1 too close")


@pytest.mark.parametrize(("budgets", "words"), [(1, "1 budget"), (2, "2 budgets")])
def test_budgets_that_were_not_decided_are_counted(budgets, words):
    is_open = compared(status="inconclusive", reason="overlaps_limit")
    budget = compared(kind="budget", status="inconclusive", reason="overlaps_limit", change=None)
    if budgets == 2:
        both = lines(measured(verdicts=[budget, budget]))
        assert "though it holds 2 budgets:" in both[-1]
    kept = compared(kind="budget", change=None)
    records = [measured(f"t.py::test_{n}", verdicts=[budget, is_open]) for n in range(budgets)]
    found = lines(*records, measured("t.py::test_kept", verdicts=[kept, is_open]))
    assert found[-1] == ADVICE.replace(" this:", f" this, though it holds {words}:")
    assert not [line for line in lines(measured(verdicts=[kept])) if "no test fails" in line]


def test_measurements_without_a_baseline_are_listed():
    text = "\n".join(lines(measured("a"), measured("b"), measured("c"), missing=["a", "c"]))
    assert "WITHOUT A BASELINE, nothing was compared (2):\n  a\n  c\n  record one" in text


def test_findings_notes_and_errors_are_listed():
    finding = FindingRecord(code="enqueue_bound", message="bound by enqueue")
    printed = lines(
        measured(
            "a",
            baseline="off",
            findings=[finding],
            notes=["improved"],
        ),
        written=[Path("perf-baselines/x.json")],
        stale=["b", "c"],
        uncollected=["d", "e", "f", "g", "h", "i", "j"],
        errors=["broken file"],
    )
    assert printed[2:] == [
        "a: bound by enqueue",
        "a: improved",
        "baseline written: perf-baselines/x.json",
        "stale baseline entries (--trtperf-update removes them): b, c",
        (
            "baseline entries of tests that were not collected "
            "(7; trtperf baseline prune --not-collected removes those that are gone): "
            "d, e, f, g, h, and 2 more"
        ),
        "ERROR: broken file",
    ]


def test_a_wait_is_shown_from_a_second_on():
    assert lines(waited_s=1.0) == lines()
    assert lines(waited_s=3.4)[-1] == "waited 3 s in all for devices and builds of other processes"


def test_quiet_keeps_to_failures():
    failed = compared(metric="latency P99", status="fail", failed=True, message="slower")
    finding = FindingRecord(code="enqueue_bound", message="bound by enqueue")
    records = [
        measured("a", verdicts=[compared()], findings=[finding]),
        measured("b", verdicts=[failed], findings=[finding]),
    ]
    printed = lines(*records, written=[Path("x.json")], errors=["broken file"], verbosity=-1)
    words = ["test", "b", "b:", "baseline", "ERROR:"]
    assert [line.partition(" ")[0] for line in printed] == words
    assert lines(records[0], verbosity=-1) == []


def test_many_without_a_baseline_are_named_unless_all_are():
    records = [measured(name) for name in "abcdefgh"]
    keys = [record.key for record in records]
    text = "\n".join(lines(*records, missing=keys))
    assert "nothing was compared (all 8):\n  record one" in text
    text = "\n".join(lines(*records, missing=keys[1:]))
    assert "nothing was compared (7):\n  b\n  c\n  d\n  e\n  f\n  and 2 more, which -v" in text
    assert "\n  h\n" in "\n".join(lines(*records, missing=keys, verbosity=1))


def test_verbose_has_the_distribution():
    latency = {
        "min": 1.0,
        "mean": 1.3,
        "median": 1.25,
        "p90": 1.4,
        "p99": 2.5,
        "max": 9.0,
        "cov": 0.046,
    }
    found = lines(measured("a", summary={"latency": latency}), verbosity=1)
    assert "a: latency, ms: minimum 1, mean 1.3, P90 1.4, maximum 9, CoV 4.6%" in found
    assert not any("CoV" in line for line in lines(measured("a", summary={"latency": latency})))


def test_numbers_of_the_table_have_their_points_below_each_other():
    one, other = ({"latency": {"median": ms, "p99": 2 * ms}} for ms in (0.0622, 153.2))
    found = lines(measured("a", summary=one), measured("b", summary=other))[1:3]
    assert [line.index(".") for line in found] == [found[0].index(".")] * 2


def test_verbose_explains_verdicts_that_passed():
    record = measured("a", verdicts=[compared(message="a: is within tolerance")])
    assert lines(record, verbosity=1)[2:] == ["a: 0 queries in 0 rounds", "a: is within tolerance"]
