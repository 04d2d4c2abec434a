"""Files of trtexec's times and layers are read, and broken ones named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.trtexec import read_exports as trtexec
from pytest_trtperf.trtexec.read_exports import import_profile, import_times

# as `std::ostream` prints it: six digits, whole numbers without a point, exponents, spaces
SAMPLE = b"""[
  { "startEnqMs" : 200.312, "endEnqMs" : 200.378, "startH2dMs" : 200.301, "endH2dMs" : 200.4, \
"startComputeMs" : 201.003, "endComputeMs" : 202.01, "startD2hMs" : 202.011, \
"endD2hMs" : 202.02, "h2dMs" : 0.0987, "computeMs" : 1.00659, "d2hMs" : 9.21e-03, \
"latencyMs" : 1.1145 }
, { "startEnqMs" : 1201, "endEnqMs" : 1201.07, "startH2dMs" : 1201.1, "endH2dMs" : 1201.2, \
"startComputeMs" : 1201.94, "endComputeMs" : 1202.95, "startD2hMs" : 1202.95, \
"endD2hMs" : 1202.96, "h2dMs" : 0.0988, "computeMs" : 1, "d2hMs" : 0, "latencyMs" : 1.0988 }
]
"""

PROFILE = b"""[
  { "count" : 812 }
, { "name" : "conv1 + relu", "timeMs" : 40.6, "averageMs" : 0.05, "medianMs" : 0.0492, \
"percentage" : 25 }
, { "name" : "fc", "timeMs" : 121.8, "averageMs" : 0.15, "medianMs" : 0.1476, "percentage" : 75 }
]
"""


def test_times_as_trtexec_writes_them() -> None:
    first, second = import_times(SAMPLE, "t.json")
    assert (first.start_enq_ms, first.end_d2h_ms) == (200.312, 202.02)
    assert (first.h2d_ms, first.compute_ms, first.d2h_ms) == (0.0987, 1.00659, 9.21e-03)
    assert (second.start_enq_ms, second.latency_ms) == (1201.0, 1.0988)


def test_fields_of_other_versions_are_no_error() -> None:
    assert len(import_times(SAMPLE.replace(b" }", b', "endToEndMs" : 3.25 }'), "t.json")) == 2


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"", "byte 0", "truncated"),
        (SAMPLE[:99], "byte 99", "truncated"),
        (SAMPLE[: len(SAMPLE) // 2], r"\$", "malformed"),  # amid a number
        (SAMPLE + b"]", r"\$", "byte"),
        (b"\x00\xff\xfe", r"\$", "byte 0"),
        (b"[" * 100_000, r"\$\[0\]", "object"),
        (SAMPLE.replace(b" }", b', "x": ' + b"[" * 100_000), r"\$", "(recursion|malformed)"),
        (b"[]", r"\$", "no query"),
        (b"{}", r"\$", "Expected `array`"),
        (b"null", r"\$", "Expected `array`"),
        (b"[1]", r"\$\[0\]", "Expected `object`"),
        (PROFILE, r"\$\[0\]", "required field"),
        (SAMPLE.replace(b'"endD2hMs"', b'"end"', 1), r"\$\[0\]", "`endD2hMs`"),
        (SAMPLE.replace(b": 1,", b": nan,"), r"\$", "malformed"),
        (SAMPLE.replace(b": 1,", b": NaN,"), r"\$", "malformed"),
        (SAMPLE.replace(b": 1,", b": Infinity,"), r"\$", "malformed"),
        (SAMPLE.replace(b": 1,", b": -1,"), r"\$\[1\]\.computeMs", ">= 0"),
        (SAMPLE.replace(b": 1,", b": 1e99,"), r"\$\[1\]\.computeMs", "<="),
        (SAMPLE.replace(b": 1,", b": 1e999,"), r"\$\[1\]\.computeMs", "out of range"),
        (SAMPLE.replace(b": 1,", b": " + b"9" * 500 + b","), r"\$\[1\]\.computeMs", "out of range"),
        (SAMPLE.replace(b": 1,", b': "1",'), r"\$\[1\]\.computeMs", "Expected `float`"),
        (SAMPLE.replace(b": 1,", b": true,"), r"\$\[1\]\.computeMs", "Expected `float`"),
        (SAMPLE.replace(b": 1,", b": null,"), r"\$\[1\]\.computeMs", "Expected `float`"),
        (SAMPLE.replace(b": 1202.96", b": 1202"), r"\$\[1\]", "d2h ends before"),
    ],
)
def test_broken_times_name_file_and_place(data: bytes, place: str, reason: str) -> None:
    pattern = rf"(?s)trtexec's times dir/t\.json, at {place}: .*{reason}.*--exportTimes"
    with pytest.raises(BaselineError, match=pattern):
        import_times(data, Path("dir/t.json"))


def test_huge_file_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trtexec, "MAX_BYTES", 1 << 20)
    with pytest.raises(BaselineError, match="larger than 1 MiB"):
        import_times(b" " * ((1 << 20) + 1), "t.json")


@given(st.binary(max_size=40), st.integers(0, len(SAMPLE)), st.integers(0, 40))
def test_damaged_times_are_read_or_refused(noise: bytes, place: int, cut: int) -> None:
    data = SAMPLE[:place] + noise + SAMPLE[place + cut :]
    try:
        queries = import_times(data, "t.json")
    except BaselineError:
        return
    table = np.array([msgspec.structs.astuple(query) for query in queries])
    assert np.isfinite(table).all()
    assert (table >= 0).all()


def test_profile_as_trtexec_writes_it() -> None:
    conv, fc = import_profile(PROFILE, "p.json")
    assert (conv.name, conv.median_ms, conv.average_ms, conv.total_ms) == (
        "conv1 + relu", 0.0492, 0.05, 40.6,
    )  # fmt: skip
    assert conv.share == pytest.approx(0.25)
    assert fc.share == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"", "byte 0", "truncated"),
        (PROFILE[:99], "byte 99", "truncated"),
        (b"[]", r"\$", "no layer"),
        (b'[{"count": 3}]', r"\$", "no layer"),
        (b"{}", r"\$", "Expected `array`"),
        (SAMPLE, r"\$\[0\]", "`count`"),
        (PROFILE.replace(b"812", b"0"), r"\$\[0\]\.count", ">= 1"),
        (PROFILE.replace(b"0.0492", b"-1"), r"\$\[1\]\.medianMs", ">= 0"),
        (PROFILE.replace(b"0.0492", b"nan"), r"\$", "malformed"),
        (PROFILE.replace(b'"medianMs"', b'"m"'), r"\$\[1\]", "`medianMs`"),
        (PROFILE.replace(b'"fc"', b"7"), r"\$\[2\]\.name", "Expected `str`"),
        (PROFILE.replace(b'"fc"', b'"f"c"'), r"\$", "malformed"),
        (PROFILE.replace(b'"fc"', b'"\xff"'), r"\$\[2\]", "(?i:utf-8)"),
    ],
)
def test_broken_profile_names_file_and_place(data: bytes, place: str, reason: str) -> None:
    pattern = rf"(?s)trtexec's profile p\.json, at {place}: .*{reason}.*--exportProfile"
    with pytest.raises(BaselineError, match=pattern):
        import_profile(data, "p.json")
