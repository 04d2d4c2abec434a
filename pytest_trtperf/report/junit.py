"""Measurements as properties of a test case, which `--junitxml` and other reporters write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_trtperf.record.baseline_state import baseline_words
from pytest_trtperf.record.model import MaxQpsRecord, Measured, PairRecord
from pytest_trtperf.report.outcomes import outcome
from pytest_trtperf.report.undecided import undecided_reason
from pytest_trtperf.text import with_escapes

PREFIX = "trtperf"
"""What the names of all properties begin with."""


def without_properties(present: Iterable[tuple[str, object]]) -> list[tuple[str, object]]:
    """The properties of a test case that are of others."""
    return [one for one in present if not str(one[0]).startswith((f"{PREFIX}.", f"{PREFIX}["))]


def with_properties(
    present: Iterable[tuple[str, object]], record: Measured
) -> list[tuple[str, object]]:
    """The properties of a test case and those of a measurement, each name once."""
    added = dict(properties(record))
    return [*(one for one in present if one[0] not in added), *added.items()]


def properties(record: Measured) -> list[tuple[str, object]]:
    """Flat names and texts, such as `trtperf.latency.p99_ms`.

    Those of a measurement with a name begin with `trtperf[name].`.
    """
    prefix = f"{PREFIX}{_label(record)}."
    found = ((prefix + name, value) for name, value in _properties(record))
    return [(with_escapes(name), with_escapes(value)) for name, value in found]


def _label(record: Measured) -> str:
    module_and_test = record.test.partition("::")[2]
    label = record.key.partition(f"::{module_and_test}#")[2]
    return f"[{label}]" if label else ""


def _properties(record: Measured) -> Iterator[tuple[str, str]]:
    yield "device", record.device
    yield "verdict", outcome(record)
    if record.owner:
        yield "owner", record.owner
    for name, text in record.labels.items():
        yield f"label.{name}", text
    if reason := undecided_reason(record):
        yield "not_decided", reason
    if isinstance(record, MaxQpsRecord):
        yield "max_qps", f"{record.rate:.6g}"
        yield "limit_ms", f"{record.limit_ms:.6g}"
    elif isinstance(record, PairRecord):
        for kind, ratio in record.ratios.items():
            yield f"ratio.{kind}", f"{ratio['value']:.6g}"
    else:
        yield "baseline", baseline_words(record)
        yield "throughput_qps", f"{record.throughput:.6g}"
        for metric, figures in record.summary.items():
            yield f"{metric}.median_ms", f"{figures['median']:.6g}"
            yield f"{metric}.p99_ms", f"{figures['p99']:.6g}"
        for verdict in record.verdicts:
            if verdict.change is not None:
                yield f"change.{verdict.metric.replace(' ', '_')}", f"{verdict.change:+.4f}"
