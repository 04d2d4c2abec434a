"""trtexec's log -> the summary at its end, and what ran.

NVIDIA/TensorRT, samples/common: sampleReporting.cpp prints the summary, logger.h the lines around.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.text import brief, in_brief

METRICS: Mapping[str, str] = {
    "Latency": "latency",
    "Enqueue Time": "enqueue",
    "H2D Latency": "h2d",
    "GPU Compute Time": "gpu_compute",
    "D2H Latency": "d2h",
}
"""Our metrics by trtexec's names, in the order of its summary."""

_SUMMARY = "=== Performance summary ==="
_TITLE = re.compile(r"&&&& (RUNNING|FAILED) \S+ \[TensorRT\S* v(\d{4,7})\](?: \[\w+\])* # (.*)")
_VERSION = re.compile(r"TensorRT(?:-RTX)? version: (\d{1,3}(?:\.\d{1,6})+)")
_DEVICE = re.compile(r"Selected Device: (.*\S)")
_IS_LOG = re.compile(
    r"&&&& RUNNING \S+ \[TensorRT|=== Performance summary ===|^\[\d\d/\d\d/\d{4}-[\d:]{8}\] \[",
    re.MULTILINE,
)
_HEAD = 1 << 16
"""Bytes of a file that show whether it is a log."""
_NUMBER = r"\d{1,20}(?:\.\d{1,20})?(?:e[+-]?\d\d)?"
_FIGURE = re.compile(rf"(min|max|mean|median|percentile\(({_NUMBER})%\)) = ({_NUMBER}) ms(?:, |$)")
_ENDS = ("Total Host Walltime", "Total GPU Compute Time")
_AGAIN = "run trtexec again, and keep all that it prints"
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
OLDEST = 10
_OLD = range(3, OLDEST)
"""Major versions of TensorRT; those of TensorRT for RTX began with 1 again."""
_OLD_LINE = "End-to-End Host Latency"


@dataclass(frozen=True)
class LogSummary:
    """What trtexec's log says of a measurement.

    Attributes:
        throughput: queries per second.
        figures: by our metrics: `min`, `max`, `mean` and `median`, ms.
        percentiles: by our metrics: milliseconds by percentage, such as 99.0.
        host_walltime_s, gpu_compute_s: from the first query to the last; of all queries together.
        command: trtexec's own, with the program; empty where the log has no first line.
        version: TensorRT's, such as `10.13.2`; empty where unknown.
        device: the GPU's name; empty where unknown.
    """

    throughput: float
    figures: Mapping[str, Mapping[str, float]]
    percentiles: Mapping[str, Mapping[float, float]]
    host_walltime_s: float
    gpu_compute_s: float
    command: str = ""
    version: str = ""
    device: str = ""

    @property
    def defaults(self) -> int:
        """The major version of trtexec, 10 or 11, whose defaults hold; RTX has those of 10."""
        return 11 if int(self.version.partition(".")[0] or 0) >= 11 else 10


@dataclass
class _Reading:
    """The lines so far.

    Attributes:
        summary: of each name in the summary, the number of its line and what follows the colon.
        began: the number of the line with which the summary began; 0 before it.
    """

    command: str = ""
    version: str = ""
    device: str = ""
    failed: int = 0
    began: int = 0
    last: int = 0
    summary: dict[str, tuple[int, str]] = field(default_factory=dict)


def is_log(data: bytes) -> bool:
    """Whether these bytes are trtexec's log, rather than a file that it exports."""
    return bool(_IS_LOG.search(_text_of(data[:_HEAD])))


def read_log(data: bytes, path: str | PathLike[str]) -> LogSummary:
    """The summary of a log; `path` is for messages.

    Raises:
        BaselineError: it is no log, is of a release before 10, was cut, or has several summaries;
            the message names the line.
    """
    if not is_log(data):
        raise BaselineError(f"{path}: this is no log of trtexec; give what trtexec printed")
    reading = _Reading()
    for number, line in enumerate(_text_of(data).split("\n"), start=1):
        _read_line(reading, number, _COLOUR.sub("", line).rstrip(), path)
    if not reading.began:
        why = f"trtexec failed at line {reading.failed}" if reading.failed else "it was cut"
        raise _flaw(path, reading.last, f"the log ends without '{_SUMMARY}': {why}", _AGAIN)
    for name in ("Throughput", *METRICS, *_ENDS):
        if name not in reading.summary:
            reason = f"the summary that began at line {reading.began} has no '{name}': it was cut"
            raise _flaw(path, reading.last, reason, _AGAIN)
    figures, percentiles = {}, {}
    for name, metric in METRICS.items():
        figures[metric], percentiles[metric] = _figures(*reading.summary[name], path)
    return LogSummary(
        throughput=_number(*reading.summary["Throughput"], "qps", path),
        figures=figures,
        percentiles=percentiles,
        host_walltime_s=_number(*reading.summary[_ENDS[0]], "s", path),
        gpu_compute_s=_number(*reading.summary[_ENDS[1]], "s", path),
        command=reading.command,
        version=reading.version,
        device=reading.device,
    )


def _read_line(reading: _Reading, number: int, line: str, path: str | PathLike[str]) -> None:
    reading.last = number if line else reading.last
    if title := _TITLE.search(line):
        reading.command, reading.version = title[3], _dotted(int(title[2]))
        reading.failed = number if title[1] == "FAILED" else reading.failed
    elif version := _VERSION.search(line):
        reading.version = version[1]
    elif device := _DEVICE.search(line):
        reading.device = device[1]
    elif _SUMMARY in line:
        if reading.began:
            reason = f"a second summary begins, after that of line {reading.began}"
            raise _flaw(path, number, reason, "give the log of one measurement")
        reading.began = number
    elif reading.began:
        name, colon, rest = line.rpartition("] ")[2].partition(": ")
        if colon:
            reading.summary.setdefault(name.strip(), (number, rest.strip()))
    _refuse_old(reading, number, path)


def _refuse_old(reading: _Reading, number: int, path: str | PathLike[str]) -> None:
    major = int(reading.version.partition(".")[0] or OLDEST)
    if major in _OLD or _OLD_LINE in reading.summary:
        which = f"TensorRT {reading.version}" if major in _OLD else "TensorRT 8 or before"
        reason = f"this log is of {which}, whose summary has other numbers"
        raise _flaw(path, number, reason, f"measure with trtexec {OLDEST} or later")


def _dotted(number: int) -> str:
    """A version as TensorRT's header has it: 101302 is 10.13.2, 8601 is 8.6.1, 10400 RTX 1.4.0."""
    major, rest = divmod(number, 1000 if number < 10_000 else 10_000)
    return f"{major}.{rest // 100}.{rest % 100}"


def _text_of(data: bytes) -> str:
    # PowerShell redirects as UTF-16.
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _figures(
    line: int, text: str, path: str | PathLike[str]
) -> tuple[dict[str, float], dict[float, float]]:
    found = list(_FIGURE.finditer(text))
    figures = {one[1]: float(one[3]) for one in found if not one[2]}
    percentiles = {float(one[2]): float(one[3]) for one in found if one[2]}
    whole = "".join(one[0] for one in found)
    if whole != text or figures.keys() != {"min", "max", "mean", "median"}:
        raise _flaw(path, line, f"{brief(text)} is no line of a summary, or was cut", _AGAIN)
    return figures, percentiles


def _number(line: int, text: str, unit: str, path: str | PathLike[str]) -> float:
    match = re.fullmatch(rf"({_NUMBER}) {unit}", text)
    if match is None or not float(match[1]):
        raise _flaw(path, line, f"{brief(text)} is no number above 0 in {unit}", _AGAIN)
    return float(match[1])


def _flaw(path: str | PathLike[str], line: int, reason: str, remedy: str) -> BaselineError:
    return BaselineError(f"{path}:{line}: {in_brief(reason)}; {remedy}")
