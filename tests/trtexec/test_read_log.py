"""trtexec's log gives its summary, or an error with the line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.trtexec.read_log import is_log, read_log
from tests.trtexec.logs import COMMAND, log


def test_a_summary_has_all_numbers():
    found = read_log(log(shares=(50, 99.9)).encode(), "t.log")
    assert found.throughput == 1250
    assert found.figures["latency"] == {"min": 0.9, "max": 2.0, "mean": 1.01, "median": 1.0}
    assert found.figures["enqueue"]["median"] == 0.05
    assert found.percentiles["gpu_compute"] == {50: 0.84, 99.9: 0.87992}
    assert [*found.figures] == ["latency", "enqueue", "h2d", "gpu_compute", "d2h"]
    assert (found.host_walltime_s, found.gpu_compute_s) == (3.001, 2.4)
    assert (found.command, found.device) == (COMMAND, "NVIDIA H200")


@pytest.mark.parametrize(
    ("version", "dotted", "defaults"),
    [("v101302", "10.13.2", 10), ("v110100", "11.1.0", 11), ("v10400", "1.4.0", 10)],
)
def test_versions(version, dotted, defaults):
    found = read_log(log(version=version).encode(), "t.log")
    assert (found.version, found.defaults) == (dotted, defaults)


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.encode("utf-16"),  # what PowerShell writes
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: "".join(
            f"2026-11-30T10:00:00.1Z {line}\n" for line in text.split("\n")
        ).encode(),
        lambda text: text.replace("[I] Th", "\x1b[32m[I] Th").encode(),
        lambda text: text.partition("[11/30")[2].partition("\n")[2].encode(),  # no first line
        lambda text: text.encode() + b"\nsaved the artefacts: all of them\n",
    ],
)
def test_what_surrounds_the_lines_does_not_matter(changed):
    data = changed(log())
    assert is_log(data)
    assert read_log(data, "t.log").figures == read_log(log().encode(), "t.log").figures


def test_exports_are_no_logs():
    for data in (b'[\n  { "startEnqMs" : 1 }\n]', b'[{"count": 3}]', b"", b"\x08\x07onnx"):
        assert not is_log(data)
    with pytest.raises(BaselineError, match=r"^t\.json: this is no log of trtexec"):
        read_log(b"[]", "t.json")


def test_a_log_that_was_cut_names_the_line():
    lines = log().split("\n")
    summary = next(i for i, line in enumerate(lines) if "Performance summary" in line)
    with pytest.raises(BaselineError, match=rf"^t\.log:{summary}: the log ends without '=== Perf"):
        read_log("\n".join(lines[:summary]).encode(), "t.log")
    for count in range(summary + 1, summary + 9):
        with pytest.raises(
            BaselineError, match=rf"^t\.log:{count}: .*it was cut; run trtexec again"
        ):
            read_log("\n".join(lines[:count]).encode(), "t.log")
    half = "\n".join(lines[: summary + 3])[:-1]
    with pytest.raises(BaselineError, match=rf"^t\.log:{summary + 3}: "):
        read_log(half.encode(), "t.log")


def test_a_run_that_failed_says_so():
    text = log().partition("=== Perf")[0] + "\n&&&& FAILED TensorRT.trtexec [TensorRT v101302] # t"
    with pytest.raises(BaselineError, match=r"^t\.log:15: .* trtexec failed at line 15"):
        read_log(text.encode(), "t.log")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (log(version="v8601"), r"t\.log:1: this log is of TensorRT 8\.6\.1"),
        (
            log().partition("\n")[2].replace("Format: ONNX", "TensorRT version: 8.5.2"),
            r"t\.log:2: this log is of TensorRT 8\.5\.2",
        ),
        (
            log().partition("\n")[2].replace("Enqueue Time:", "End-to-End Host Latency:"),
            r"t\.log:16: this log is of TensorRT 8 or before",
        ),
        (log() + log(), r"t\.log:39: a second summary begins, after that of line 14"),
        (log().replace("1250 qps", "inf qps"), r"t\.log:15: 'inf qps' is no number above 0 in qps"),
        (
            log().replace("median = 1 ms", "median = inf ms"),
            r"t\.log:16: .* is no line of a summary",
        ),
    ],
)
def test_logs_of_other_kinds_are_refused(text, reason):
    with pytest.raises(BaselineError, match=rf"^{reason}"):
        read_log(text.encode(), "t.log")


@given(st.data())
def test_any_damage_is_read_or_refused(data):
    text = bytearray(log().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=9))
    try:
        found = read_log(bytes(text), "t.log")
    except BaselineError as error:
        assert str(error).startswith("t.log:")  # noqa: PT017  # only one of the two outcomes
    else:
        assert 0 < found.throughput < float("inf")
