"""The files that trtexec exports -> queries and layers.

NVIDIA/TensorRT, samples/common/sampleReporting.cpp writes them.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from pytest_trtperf.analysis.layers import Layer
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.text import in_brief

MAX_BYTES = 1 << 29
"""Of a file; a longer measurement gives no better baseline."""

# A year in milliseconds: trtexec measured nothing longer.
Time = Annotated[float, msgspec.Meta(ge=0, le=4e10)]


def _key(name: str) -> str:
    """`start_h2d_ms` as in trtexec: `startH2dMs`; msgspec's own rule gives `startH2DMs`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class TimedQuery(msgspec.Struct, frozen=True, kw_only=True, rename=_key, gc=False):
    """One query of `--exportTimes`, in milliseconds.

    Time stamps have only six digits, so durations have fields of their own.
    """

    start_enq_ms: Time
    end_enq_ms: Time
    start_h2d_ms: Time
    end_h2d_ms: Time
    start_compute_ms: Time
    end_compute_ms: Time
    start_d2h_ms: Time
    end_d2h_ms: Time
    h2d_ms: Time
    compute_ms: Time
    d2h_ms: Time
    latency_ms: Time


class _Count(msgspec.Struct, frozen=True):
    count: Annotated[int, msgspec.Meta(ge=1)]


class _ProfiledLayer(msgspec.Struct, frozen=True, kw_only=True, rename=_key):
    name: str
    time_ms: Time
    average_ms: Time
    median_ms: Time
    percentage: Annotated[float, msgspec.Meta(ge=0, le=101)]


_T = TypeVar("_T")


def read_export(path: Path) -> bytes:
    """The bytes of a file, no more than are looked at.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(MAX_BYTES + 1)


def import_times(data: bytes, path: str | PathLike[str]) -> list[TimedQuery]:
    """The queries in a file of `--exportTimes`, in its order; `path` is for messages.

    Raises:
        BaselineError: it is not JSON, has no query, or a wrong type or value.
    """
    queries = _decoded(data, path, "times", list[TimedQuery])
    if not queries:
        raise _flaw(path, "times", "$", "it has no query")
    for number, query in enumerate(queries):
        for stage in ("h2d", "compute", "d2h"):
            if getattr(query, f"end_{stage}_ms") < getattr(query, f"start_{stage}_ms"):
                raise _flaw(path, "times", f"$[{number}]", f"its {stage} ends before it starts")
    return queries


def import_profile(data: bytes, path: str | PathLike[str]) -> list[Layer]:
    """The layers in a file of `--exportProfile`, in its order; `path` is for messages.

    A layer's share is its part of the sum of all medians. trtexec's percentage, which is a part of
    the sum of all total times, is dropped.

    Raises:
        BaselineError: it is not JSON, has no layer, or a wrong type or value.
    """
    # Two passes: the first element has another type than the rest.
    raw = _decoded(data, path, "profile", list[msgspec.Raw])
    if len(raw) < 2:
        raise _flaw(path, "profile", "$", "it has no layer")
    _decoded(bytes(raw[0]), path, "profile", _Count, "$[0]")
    layers = [
        _decoded(bytes(item), path, "profile", _ProfiledLayer, f"$[{number}]")
        for number, item in enumerate(raw[1:], start=1)
    ]
    whole = sum(layer.median_ms for layer in layers)
    return [
        Layer(
            name=layer.name,
            median_ms=layer.median_ms,
            average_ms=layer.average_ms,
            total_ms=layer.time_ms,
            share=layer.median_ms / whole if whole else 0.0,
        )
        for layer in layers
    ]


def _decoded(
    data: bytes, path: str | PathLike[str], kind: str, expected: type[_T], place: str = "$"
) -> _T:
    if len(data) > MAX_BYTES:
        reason = f"it is larger than {MAX_BYTES >> 20} MiB; run trtexec with a smaller --duration"
        raise _flaw(path, kind, place, reason)
    try:
        return msgspec.json.decode(data, type=expected)
    except msgspec.ValidationError as error:
        reason, _, inner = str(error).partition(" - at `$")
        raise _flaw(path, kind, place + inner.rstrip("`"), reason) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = f"it is not JSON as trtexec writes it: {error}"
        if "truncated" in str(error):
            place = f"byte {len(data)}"
        raise _flaw(path, kind, place, reason) from error


def _flaw(path: str | PathLike[str], kind: str, place: str, reason: str) -> BaselineError:
    option = f"--export{kind.capitalize()}"
    return BaselineError(
        f"trtexec's {kind} {path}, at {in_brief(place)}: {in_brief(reason)}. Export "
        f"it again with trtexec {option}=…"
    )
