"""What is odd about measurements: one line for each kind, or each by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pytest_trtperf.analysis.diagnosis import FindingCode
from pytest_trtperf.analysis.percent import share_words
from pytest_trtperf.record.model import Measured, MeasurementRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import FindingRecord
from pytest_trtperf.text import counted

_SAY_IT_ALL = (FindingCode.REMARK.value, FindingCode.DISTURBED.value)
"""Kinds without one meaning: what they are about stands in the message alone."""


def finding_lines(measured: Sequence[Measured], *, each: bool) -> list[str]:
    """The findings and notes of measurements.

    Args:
        each: a line for each; else one for each kind, with the first as its example.
    """
    if each:
        return [
            f"{one.key}: {text}"
            for one in measured
            for text in (*(finding.message for finding in one.findings), *_notes(one))
        ]
    found = [(one.key, finding) for one in measured for finding in one.findings]
    notes = [(one.key, note) for one in measured for note in _notes(one)]
    return [*_by_kind(found), *_by_text(notes)]


def _notes(one: Measured) -> Sequence[str]:
    return one.notes if isinstance(one, MeasurementRecord) else ()


def _by_kind(found: Iterable[tuple[str, FindingRecord]]) -> Iterator[str]:
    kinds: dict[str, list[tuple[str, FindingRecord]]] = {}
    texts: list[tuple[str, str]] = []
    for key, finding in found:
        if finding.code in _SAY_IT_ALL:
            texts.append((key, finding.message))
        else:
            kinds.setdefault(finding.code, []).append((key, finding))
    for code, those in kinds.items():
        key, first = those[0]
        if len(those) == 1:
            yield f"{key}: {first.message}"
        else:
            title = f"{code.replace('_', ' ')}{_range([finding for _, finding in those])}"
            yield f"{title}: {_first([key for key, _ in those])}: {first.message}"
    yield from _by_text(texts)


def _by_text(texts: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Texts that differ in numbers alone count as one."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for key, text in texts:
        alike.setdefault(_NUMBER.sub("0", text), []).append((key, text))
    for those in alike.values():
        key, text = those[0]
        yield f"{key if len(those) == 1 else _first([one for one, _ in those])}: {text}"


_NUMBER = re.compile(r"\d+(\.\d+)?")


def _first(keys: Sequence[str]) -> str:
    return f"{counted(len(keys), 'measurement')}, e.g. {shortened(keys[0])}"


def _range(findings: Sequence[FindingRecord]) -> str:
    """From the least to the most, where all say how much."""
    shares = [finding.share for finding in findings if finding.share is not None]
    if len(shares) < len(findings):
        return ""
    low, high = share_words(min(shares)), share_words(max(shares))
    return f", {low}" if low == high else f", {low} to {high}"
