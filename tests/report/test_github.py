"""What GitHub Actions reads, at its limits; tests/plugin has whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.github import (
    MAX_ANNOTATIONS,
    MAX_BYTES,
    annotation_lines,
    append_summary,
    folder_in_repository,
)
from pytest_trtperf.report.junit import properties
from pytest_trtperf.report.markdown import escaped, markdown


def failed(message):
    return VerdictRecord(
        kind="budget", metric="m", status="fail", reason="r", message=message, failed=True
    )


def test_command_cannot_be_broken_out_of(make_measurement):
    one = make_measurement("t.py::test[a,b::c%]", verdicts=[failed("100 %\n::error::injected\r")])
    (line,) = annotation_lines([one], [], [])
    assert line == (
        "::error file=t.py,title=t.py%3A%3Atest[a%2Cb%3A%3Ac%25]::100 %25%0A::error::injected%0D"
    )


def test_no_more_annotations_than_are_shown(make_measurement):
    those = [make_measurement(f"t.py::test[{i}]", verdicts=[failed("x")]) for i in range(50)]
    lines = annotation_lines(those, [f"t.py::{i}" for i in range(5000)], [])
    assert [line.split()[0] for line in lines] == ["::error"] * MAX_ANNOTATIONS + ["::warning"]
    assert max(map(len, lines)) < 5000


def test_what_was_not_decided_is_counted_in_each_format(make_measurement):
    verdict = VerdictRecord(
        kind="budget", metric="m", status="inconclusive", reason="not_steady", message="why"
    )
    records = [make_measurement("t.py::test_a", verdicts=[verdict]), make_measurement("t.py::b")]
    line = "1 of 2 measurements were not decided: 1 not steady (test_a)"
    first, second = annotation_lines(records, [], [])
    assert first == f"::warning title=pytest-trtperf::{line}"
    assert second == "::warning file=t.py,title=t.py%3A%3Atest_a::why"
    assert escaped(line) in markdown("t", records)
    assert ("trtperf.not_decided", "not steady") in properties(records[0])
    assert "trtperf.not_decided" not in dict(properties(records[1]))


@pytest.mark.parametrize(
    ("rootdir", "workspace", "folder"),
    [
        ("/w", "/w", ""),
        ("/w/a/b", "/w", "a/b"),
        ("/w/.a", "/w", ".a"),
        ("/x", "/w", ""),
        ("/x", "", ""),
    ],
)
def test_files_are_named_from_the_top_of_the_repository(rootdir, workspace, folder):
    assert folder_in_repository(Path(rootdir), {"GITHUB_WORKSPACE": workspace}) == folder


def test_summary_stays_within_its_limit(tmp_path, make_measurement):
    those = [
        make_measurement(f"t.py::test[{i}]", verdicts=[failed("日" * 999)] * 3) for i in range(999)
    ]
    append_summary(tmp_path / "summary.md", markdown("t", those, ["p" * 999] * 999))
    data = (tmp_path / "summary.md").read_bytes()
    assert MAX_BYTES / 2 < len(data) < 2**20
    text = data.decode()
    assert "499 more are in the record" in text
    assert text.endswith("the rest is in the record\n\n")
