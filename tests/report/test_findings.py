"""Findings of a run: one line for each kind, so that thirty busy tests are no wall of text."""

from __future__ import annotations

from pytest_trtperf.record.verdict import FindingRecord
from pytest_trtperf.report.findings import finding_lines
from tests.report.test_terminal import measured


def finding(code, message, share=None):
    return FindingRecord(code=code, message=message, share=share)


def contended(share):
    return finding("contended", f"others took {share:.0%}", share)


def test_a_kind_of_many_measurements_is_one_line_with_its_range_and_the_first():
    records = [measured(f"t.py::test_{n}", findings=[contended(n / 100)]) for n in range(34, 69)]
    (line,) = finding_lines(records, each=False)
    assert line == "contended, 34% to 68%: 35 measurements, e.g. t.py::test_34: others took 34%"


def test_a_range_has_no_exponents():
    records = [
        measured(name, findings=[contended(share)]) for name, share in (("a", 0.022), ("b", 1.1))
    ]
    (line,) = finding_lines(records, each=False)
    assert line.startswith("contended, 2.2% to 110%: ")


def test_a_kind_of_one_measurement_is_its_own_message():
    records = [measured("t.py::test_a", findings=[contended(0.5)]), measured("t.py::test_b")]
    assert finding_lines(records, each=False) == ["t.py::test_a: others took 50%"]


def test_a_range_needs_a_number_of_each():
    older = finding("contended", "others took 30%")
    records = [measured("a", findings=[older]), measured("b", findings=[contended(0.5)])]
    (line,) = finding_lines(records, each=False)
    assert line == "contended: 2 measurements, e.g. a: others took 30%"


def test_remarks_and_notes_are_grouped_by_what_they_say():
    remark = [finding("remark", "a quota of one processor")]
    records = [
        measured(name, findings=remark, notes=["no reference", f"note of {name}"]) for name in "ab"
    ]
    assert finding_lines(records, each=False) == [
        "2 measurements, e.g. a: a quota of one processor",
        "2 measurements, e.g. a: no reference",
        "a: note of a",
        "b: note of b",
    ]


def test_notes_that_differ_in_numbers_alone_are_one_line_with_the_first():
    notes = {
        "a": "others took 72% at 0.5 ms",
        "b": "others took 65.5% at 12 ms",
        "c": "others took 7",
    }
    records = [measured(name, notes=[note]) for name, note in notes.items()]
    assert finding_lines(records, each=False) == [
        "2 measurements, e.g. a: others took 72% at 0.5 ms",
        "c: others took 7",
    ]


def test_each_is_a_line_where_that_is_asked_for_in_the_order_of_tests():
    records = [measured(name, findings=[contended(0.5)], notes=["note"]) for name in "ab"]
    assert finding_lines(records, each=True) == [
        "a: others took 50%",
        "a: note",
        "b: others took 50%",
        "b: note",
    ]
