"""`trtperf compare`: the same verdicts as a run against the old record gives."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from msgspec import structs

from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.model import LayerRecord, MaxQpsRecord, MergedRecord
from pytest_trtperf.record.verdict import FindingRecord, VerdictRecord
from pytest_trtperf.report.markdown import escaped

KEY = "tests/test_x.py::test_a"


@pytest.fixture
def compare(trtperf, write_run, make_measurement):
    """Compares a measurement at 1 ms with one at `level`."""

    def run(level, *options, old=None, **changes):
        before = write_run("old", make_measurement(**(old or {})))
        after = write_run("new", make_measurement(level=level, **changes))
        return trtperf("compare", before, after, *options)

    return run


def test_unchanged(compare):
    result = compare(1.0, "--fail")
    assert result.status == 0
    assert result.out == "1 compared: 0 regressed, 0 inconclusive; 0 missing, 0 added\n"
    shown = compare(1.0, "--all").out
    assert "gpu_compute median" in shown
    assert "same" in shown


def test_estimate_is_deprecated(compare):
    assert compare(1.0, "--inconclusive=warn").err == ""
    assert "--inconclusive=estimate is deprecated" in compare(1.0, "--inconclusive=estimate").err


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--fail",), 1)])
def test_regression(compare, options, status):
    result = compare(1.2, *options)
    assert result.status == status
    assert "REGRESSED" in result.out
    assert "+20.0%" in result.out
    assert "1 regressed" in result.out


def test_a_number_that_was_not_judged_is_counted_beside_one_that_regressed(compare):
    def rows(out):
        return [line.split()[-1] for line in out.splitlines() if line.startswith(KEY)]

    finding = FindingRecord(code="enqueue_bound", message="bound by enqueue")
    out = compare(1.2, findings=[finding]).out
    assert {"REGRESSED", "inconclusive"} <= set(rows(out))
    assert "1 compared: 1 regressed, 1 inconclusive" in out


def test_improvement_is_reported_and_is_no_failure(compare):
    result = compare(0.8, "--fail")
    assert result.status == 0
    # A record, unlike a baseline, is not updated.
    assert f"{KEY}: gpu_compute median improved by 20.0%\n" in result.out


@pytest.mark.parametrize(
    ("tolerance", "status"), [("0.3", 0), ("0.02", 1), ("median=0.3,p99=0.3,throughput=0.3", 0)]
)
def test_tolerance(compare, tolerance, status):
    assert compare(1.2, "--fail", "--tolerance", tolerance).status == status


def test_missing_and_added_tests_are_listed(trtperf, write_run, make_measurement):
    one, two, three = (make_measurement(f"tests/t.py::test[{name}]") for name in "abc")
    records = write_run("old", one, two), write_run("new", two, three)
    result = trtperf("compare", *records, "--fail")
    assert result.status == 1
    assert trtperf("compare", *records, "--fail", "--missing", "warn").status == 0
    assert trtperf("compare", *records).status == 0
    assert (
        "not in the new record (1):\n  tests/t.py::test[a] (tensorrt on nvidia-h200)" in result.out
    )
    assert "only in the new record (1):\n  tests/t.py::test[c]" in result.out
    assert "1 compared" in result.out


def test_nothing_in_common_is_trouble(trtperf, write_run):
    old, new = write_run("old"), write_run("new", hardware_class="nvidia-l4")
    result = trtperf("compare", old, new)
    assert result.status == 2
    assert "no measurement in common" in result.err


def test_other_mode_fails(compare):
    result = compare(1.0, "--fail", mode={"load": "closed", "cuda_graph": True})
    assert result.status == 1
    assert "OTHER MODE" in result.out
    (found,) = compare(1.0, "--json", mode={"load": "closed", "cuda_graph": True}).json["compared"]
    assert found["verdicts"][0]["message"].endswith(" or make the record anew")


@pytest.mark.parametrize(("code", "metric"), [("enqueue_bound", "latency P99"), ("not_steady", "")])
def test_doubtful_measurement_is_not_judged_by_its_numbers(compare, code, metric):
    findings = [FindingRecord(code=code, message="because")]
    (found,) = compare(1.3, "--json", findings=findings).json["compared"]
    assert {v["metric"] for v in found["verdicts"] if v["failed"]} == {metric} - {""}


def test_layer_that_got_slower_is_named(compare):
    def layers(conv):
        return [
            LayerRecord(
                name=name, median_ms=ms, average_ms=ms, total_ms=ms, share=0.5,
                information={"TacticName": f"{name} in {ms} ms"},
            )
            for name, ms in (("conv", conv), ("relu", 0.1))
        ]  # fmt: skip

    result = compare(1.3, old={"layers": layers(0.9)}, layers=layers(1.2))
    assert f"{KEY}: layer conv: +0.3 ms, 100% of the change" in result.out
    assert "tactic of layer conv: conv in 0.9 ms in the baseline, conv in 1.2 ms here" in result.out


def test_merged_records_compare_by_hardware(trtperf, tmp_path, make_run, make_measurement):
    paths = []
    for name, level in (("old", 1.0), ("new", 1.5)):
        runs = [
            make_run(make_measurement(), hardware_class="nvidia-h200"),
            make_run(make_measurement(level=level), hardware_class="nvidia-l4"),
        ]
        paths.append(tmp_path / f"{name}.json")
        write_json(paths[-1], MergedRecord(runs=runs))
    found = trtperf("compare", *paths, "--json").json["compared"]
    failed = {
        one["identity"]["hardware_class"]: any(v["failed"] for v in one["verdicts"])
        for one in found
    }
    assert failed == {"nvidia-h200": False, "nvidia-l4": True}


def test_a_search_may_be_missing_too(trtperf, write_run, make_measurement):
    one = make_measurement()
    search = MaxQpsRecord(
        test="tests/t.py::test_rate", key="tests/t.py::test_rate", device="NVIDIA H200",
        engine=one.engine, shapes={}, mode={}, limit_ms=2.0, rate=9.0, lower=8.0, upper=9.5,
        closed_qps=10.0, trials=[], findings=[], verdicts=[], message="9 qps",
    )  # fmt: skip
    old = write_run("old", one, max_qps=[search])
    result = trtperf("compare", old, write_run("new"), "--fail")
    assert result.status == 1
    assert "not in the new record (1):\n  tests/t.py::test_rate (tensorrt on nvid" in result.out


def item(outcome, key=KEY, **changes):
    return ItemRecord(test=key, key=key, outcome=outcome, **changes)


@pytest.mark.parametrize(
    ("outcome", "reason", "said"),
    [
        ("failed", "ValueError: no model", ": failed: ValueError: no model\n"),
        ("error", "fixture 'x' not found", ": error: fixture 'x' not found\n"),
        ("skipped", "no GPU", ": skipped: no GPU\n"),
        ("passed", "", ": not measured any more\n"),
        (None, "", "\n"),
    ],
)
def test_what_became_of_a_missing_test(trtperf, write_run, make_measurement, outcome, reason, said):
    other = make_measurement("tests/t.py::test_other")
    tests = [item(outcome, reason=reason)] if outcome else []
    old = write_run("old", make_measurement(), other)
    result = trtperf("compare", old, write_run("new", other, tests=tests), "--fail")
    assert result.status == 1
    assert f"not in the new record (1):\n  {KEY} (tensorrt on nvidia-h200){said}" in result.out
    assert "failed in the new record" not in result.out


def test_what_was_left_out_as_unchanged_is_not_missing(trtperf, write_run, make_measurement):
    old = write_run("old", make_measurement(), make_measurement(f"{KEY}#wide"))
    other = make_measurement("tests/t.py::test_other")
    result = trtperf("compare", old, write_run("new", other, tests=[item("unchanged")]), "--fail")
    assert result.status == 0
    assert result.out.endswith("0 missing, 1 added, 2 unchanged\n")


BUDGET = VerdictRecord(
    kind="budget", metric="P99 of latency", status="fail", reason="over_limit",
    message="P99 misses its budget", value=2.0, limit=1.0, failed=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "verdicts", "is_broken"),
    [
        ("passed", "failed", [], True),
        ("passed", "error", [], True),
        ("passed", "unfinished", [], True),
        ("passed", "failed", [BUDGET], True),
        ("passed", "failed", [structs.replace(BUDGET, kind="baseline")], False),
        ("passed", "passed", [BUDGET], False),
        ("failed", "failed", [], False),
        ("passed", "xfailed", [], False),
    ],
)
def test_a_broken_test_is_red(
    trtperf, write_run, make_measurement, before, after, verdicts, is_broken
):
    old = make_measurement(baseline="compared")
    old = write_run("old", old, tests=[item(before, reason="r")])
    new = make_measurement(verdicts=verdicts, baseline="compared")
    new = write_run("new", new, tests=[item(after, reason="AssertionError: wrong")])
    result = trtperf("compare", old, new, "--fail")
    assert result.status == int(is_broken)
    assert ("failed in the new record alone (1):" in result.out) is is_broken
    assert (", 1 broken" in result.out) is is_broken
    assert trtperf("compare", old, new, "--fail", "--missing=warn").status == 0


def test_a_failed_assertion_is_red_also_without_a_baseline(trtperf, write_run, make_measurement):
    old = write_run("old", make_measurement(baseline="missing"), tests=[item("passed")])
    new = make_measurement(baseline="missing", outcome="failed")
    new = write_run("new", new, tests=[item("failed", reason="assert 3.1 < 2")])
    result = trtperf("compare", old, new, "--fail")
    assert result.status == 1
    assert f"failed in the new record alone (1):\n  {KEY} (tensorrt on nvidia-h200): " in result.out


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_an_old_run_that_did_not_end_is_red(trtperf, write_run, make_measurement, form):
    """As is what it had not measured by then, which is not new."""
    other, third = (make_measurement(f"tests/t.py::test_{name}") for name in ("other", "third"))
    before = [item("passed"), item("unfinished", other.key)]
    old = write_run("old", make_measurement(), tests=before, complete=False)
    new = write_run("new", make_measurement(), other, third)
    words = (old, new, f"--format={form}", "--fail")
    result = trtperf("compare", *words)
    assert result.status == 1
    assert "the old run did not end" in result.out
    assert "0 missing, 1 added, 1 left out in the old record" in result.out
    assert trtperf("compare", *words, "--missing=warn").status == 0
    (left_out,) = trtperf("compare", old, new, "--json").json["left_out"]
    assert (left_out["key"], left_out["why"]) == (other.key, "unfinished")
    alone = write_run("new", make_measurement())
    assert trtperf("compare", old, alone, "--fail").status == 1


def test_what_the_old_run_left_out_as_unchanged_is_red(trtperf, write_run, make_measurement):
    other = make_measurement("tests/t.py::test_other")
    before = [item("unchanged", reason="as before"), item("passed", other.key)]
    old = write_run("old", other, tests=before)
    result = trtperf("compare", old, write_run("new", other, make_measurement()), "--fail")
    assert result.status == 1
    assert "the old run did not end" not in result.out
    assert f"left out in the old record (1):\n  {KEY} (tensorrt on nv" in result.out
    assert "200): unchanged: as before\n" in result.out
    left_out_twice = write_run("new", other, tests=[item("unchanged")])
    assert trtperf("compare", old, left_out_twice, "--fail").status == 0


@pytest.mark.parametrize(
    ("outcome", "status"), [("xfailed", 0), ("xpassed", 0), ("passed", 1), ("failed", 1)]
)
def test_what_pytest_expects_to_fail_counts_apart(compare, outcome, status):
    result = compare(1.2, "--fail", outcome=outcome)
    assert result.status == status
    assert ("REGRESSED" in result.out) is bool(status)
    assert (", 1 expected to fail\n" in result.out) is (not status)
    assert f"1 compared: {status} regressed" in result.out


@pytest.mark.parametrize(("days", "status"), [(0, 0), (-1, 1)])
@pytest.mark.parametrize("test", [KEY, f"perf/{KEY}"])
def test_quarantine_counts_apart_too(compare, tmp_path, monkeypatch, days, status, test):
    monkeypatch.chdir(tmp_path)
    until = datetime.now(timezone.utc).date() + timedelta(days=days)
    (tmp_path / "perf-acknowledged.toml").write_text(
        f'[quarantine."tests/test_x.py::*"]\nreason = "bug 4711"\nby = "Ada"\nuntil = {until}\n'
    )
    result = compare(1.2, "--fail", old={"test": test}, test=test)
    assert result.status == status
    said = f"regressed: in quarantine until {until} by Ada: bug 4711\n"
    assert (said in result.out) is (not status)
    assert compare(1.2, "--fail", "--acknowledged", tmp_path / "other.toml").status == 1


@pytest.mark.parametrize(("days", "status"), [(30, 0), (31, 2)])
def test_a_quarantine_that_is_too_long_is_trouble(compare, tmp_path, days, status):
    file = tmp_path / "quarantine.toml"
    until = datetime.now(timezone.utc).date() + timedelta(days=days)
    file.write_text(f'[quarantine."*"]\nreason = "r"\nby = "Ada"\nuntil = {until}\n')
    result = compare(1.2, "--fail", "--acknowledged", file)
    assert result.status == status
    assert ("at most 30 days from today are allowed" in result.err) == (days > 30)


def test_a_missing_test_that_is_expected_to_fail_is_not_red(trtperf, write_run, make_measurement):
    other = make_measurement("tests/t.py::test_other")
    old = write_run("old", make_measurement(), other)
    new = write_run("new", other, tests=[item("xfailed", reason="no model")])
    result = trtperf("compare", old, new, "--fail")
    assert result.status == 0
    assert (
        f"expected to fail (1):\n  {KEY} (tensorrt on nvidia-h200): xfailed: no model" in result.out
    )


def test_markdown_begins_with_a_marker_and_says_the_same(trtperf, write_run, make_measurement):
    odd = make_measurement("tests/t.py::test_*odd*|[x]")
    old = write_run("old", make_measurement(), odd)
    new = write_run("new", make_measurement(level=1.2))
    result = trtperf("compare", old, new, "--format", "markdown", "--fail")
    assert result.status == 1
    lines = result.out.splitlines()
    assert lines[:2] == [
        "<!-- trtperf compare -->",
        "### trtperf: 1 compared: 1 regressed, 0 inconclusive; 1 missing, 0 added",
    ]
    assert "tensorrt on nvidia-h200" in lines
    (row,) = [line for line in lines if line.startswith(f"| {escaped(KEY)} | gpu\\_compute median")]
    assert "| +20.0% |" in row
    assert r"- tests/t.py::test\_\*odd\*\|\[x\] (tensorrt on nvidia-h200)" in lines
    other = trtperf("compare", old, new, "--format=markdown", "--marker=trtperf: H200").out
    assert other.splitlines()[0] == "<!-- trtperf: H200 -->"
    assert other.splitlines()[1:] == lines[1:]


def test_what_is_known_of_a_change_stands_below_the_table(trtperf, write_run, make_measurement):
    engine = structs.replace(make_measurement().engine, digest="another")
    old = write_run("old", make_measurement(), make_measurement("tests/t.py::test_gone"))
    new = write_run("new", make_measurement(level=1.2, engine=engine))
    lines = trtperf("compare", old, new, "--format=markdown").out.splitlines()
    note = next(line for line in lines if "the model or its build options changed" in line)
    assert lines.index(note) < lines.index("**not in the new record (1)**")


def test_a_comment_is_not_longer_than_a_service_takes(trtperf, write_run, make_measurement):
    many = [make_measurement(f"tests/t.py::test[{n}]", level=1.0) for n in range(400)]
    engine = structs.replace(many[0].engine, digest="another")
    slow = [
        make_measurement(f"tests/t.py::test[{n}]", level=1.5, engine=engine) for n in range(400)
    ]
    out = trtperf(
        "compare", write_run("old", *many), write_run("new", *slow), "--format=markdown"
    ).out
    assert 50_000 < len(out) < 65_536
    assert out.endswith("\n\nThe rest is in the records.\n")


def test_a_marker_cannot_end_its_comment(trtperf, write_run):
    with pytest.raises(SystemExit) as stop:
        trtperf("compare", write_run("a"), write_run("b"), "--marker", "x --> <script>")
    assert stop.value.code == 2


@pytest.mark.parametrize("yardstick_ms", [1e-6, 1e9, 0.01])
def test_a_planted_reading_of_the_machine_explains_nothing(
    trtperf, write_run, make_measurement, yardstick_ms
):
    def read(ms, level):
        record = make_measurement(level=level)
        (session,) = record.sessions
        rounds = [structs.replace(one, yardstick_ms=ms) for one in session.rounds]
        sessions = [structs.replace(session, rounds=rounds)]
        return [structs.replace(record, sessions=sessions)]

    software = {"onnxruntime": "1.20"}
    old = write_run("old", *read(yardstick_ms, 1.0), software=software)
    new = write_run("new", *read(0.3, 2.0), software=software)
    result = trtperf("compare", old, new, "--fail")
    assert result.status == 1
    assert "REGRESSED" in result.out
