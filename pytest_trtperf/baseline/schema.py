"""The baseline file: its types, and reading and writing them with checks.

A file that breaks the schema is neither read nor written. `review_json` has its layout.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from numbers import Integral, Real
from os import PathLike
from typing import Annotated, Any

import msgspec

from pytest_trtperf.backend.session import KernelState
from pytest_trtperf.baseline.older_form import OLDER_SCHEMA, UNKNOWN_KERNELS, in_present_form
from pytest_trtperf.baseline.possible import MEDIAN, impossible
from pytest_trtperf.baseline.review_json import json_for_review
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.text import in_brief

SCHEMA = "trtperf-baseline/2"
QUANTILE_COUNT = 21

_HELP = "repair the file, restore it from version control, or delete it and record again"

# NaN and infinity are excluded by finite bounds, since msgspec takes no infinite ones.
Positive = Annotated[float, msgspec.Meta(gt=0, le=sys.float_info.max)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=sys.float_info.max)]
Finite = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
Quantiles = Annotated[
    list[NotNegative],
    msgspec.Meta(min_length=QUANTILE_COUNT, max_length=QUANTILE_COUNT),
]
Dimension = Annotated[int, msgspec.Meta(ge=0)]


class _Record(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
    gc=False,
):  # fmt: skip
    """The base of all objects of the file."""


class BaselineRound(_Record, frozen=True):
    """One round: queries, queries per second, and 21 ascending quantiles (ms) of each metric.

    On the CPU, `contention` is the share of time that other processes took, and `yardstick_ms` the
    time of a fixed calculation.
    """

    queries: Annotated[int, msgspec.Meta(ge=1)]
    throughput: Positive
    quantiles: dict[str, Quantiles]
    sm_clock_mhz: Positive | None = None
    contention: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    yardstick_ms: Positive | None = None


class BaselineSession(_Record, frozen=True):
    """One session, which is one process that loaded the engine.

    `kernels` is `cached` or `fresh`, see `backend.session.Kernels`; `unknown` in a baseline of the
    older form; None where a backend compiles none. `kernels_digest` is theirs. `steady` is False if
    the warm-up ended at its time limit and not because the numbers were steady.
    """

    rounds: Annotated[list[BaselineRound], msgspec.Meta(min_length=1)]
    kernels: KernelState | None = None
    kernels_digest: str | None = None
    steady: bool = True


class BaselineRun(_Record, frozen=True):
    """One run: when it was recorded (ISO 8601, UTC), its plan (SHA-256) and its software.

    Only the newest run keeps `layers` (median milliseconds), `tactics` and `asked`: what its test
    asked for, as texts by name, as far as options, inputs, budgets and code go. `asked` is empty
    where that does not say all, since the test read numbers, or a verdict stayed open.
    `other_contexts` is how many other processes had a CUDA context on the GPU. `costs` are what the
    engine costs beside its queries, as far as the test asked to compare it: of each session a
    value, or one of the engine, in the units of `analysis.costs`.
    """

    recorded: str
    plan: str
    software: dict[str, str]
    sessions: Annotated[list[BaselineSession], msgspec.Meta(min_length=1)]
    layers: dict[str, NotNegative] = {}
    tactics: dict[str, str] = {}
    asked: dict[str, str] = {}
    power_limit_w: Positive | None = None
    other_contexts: Annotated[int, msgspec.Meta(ge=0)] | None = None
    costs: dict[str, Annotated[list[Positive], msgspec.Meta(min_length=1)]] = {}

    @property
    def rounds(self) -> list[BaselineRound]:
        """The rounds of all sessions."""
        return [round for session in self.sessions for round in session.rounds]

    @property
    def steady(self) -> bool:
        """Whether each session was steady before its rounds."""
        return all(session.steady for session in self.sessions)


class BaselineEntry(_Record, frozen=True):
    """One measurement of one test: the digest of the engine's spec, mode, shapes and runs."""

    engine: str
    mode: dict[str, bool | int | Finite | str]
    shapes: dict[str, list[Dimension]]
    runs: Annotated[list[BaselineRun], msgspec.Meta(min_length=1)]

    @property
    def rounds(self) -> list[BaselineRound]:
        """The rounds of all sessions."""
        return [round for session in self.sessions for round in session.rounds]

    @property
    def sessions(self) -> list[BaselineSession]:
        """The sessions of all runs."""
        return [session for run in self.runs for session in run.sessions]

    @property
    def is_of_older_form(self) -> bool:
        """Whether the newest run was recorded before sessions were kept apart."""
        return self.runs[-1].sessions[-1].kernels == UNKNOWN_KERNELS


class BaselineFile(_Record, frozen=True, omit_defaults=False):
    """All entries of one test module, by key."""

    schema: str = SCHEMA
    entries: dict[str, BaselineEntry] = {}


class _WholeFile(_Record, frozen=True):
    """A file as it is read: both fields are required."""

    schema: str
    entries: dict[str, BaselineEntry]


class _SchemaError(Exception):
    """What breaks the schema, and where; public functions raise BaselineError instead."""

    def __init__(self, place: str, reason: str, remedy: str = _HELP) -> None:
        super().__init__(f"at {place}: {reason}")
        self.place, self.reason, self.remedy = place, reason, remedy


def decode(data: bytes, path: str | PathLike[str]) -> BaselineFile:
    """The content of a file with these bytes; `path` is only named in errors.

    Raises:
        BaselineError: not JSON, another schema, a wrong type or value; names file and place.
    """
    try:
        file = _decode_at_once(data)
        return file if file and _has_keys_once(data, file) else _decode_by_steps(data)
    except _SchemaError as flaw:
        message = f"baseline {path}, {in_brief(flaw)}. The file was left as it is; {flaw.remedy}."
        raise BaselineError(message) from flaw


def encode(file: BaselineFile) -> bytes:
    """The bytes of `file`, with a trailing newline; encoding what they decode to gives them again.

    Raises:
        BaselineError: the content would break the schema (NaN, an empty round …).
    """
    return encode_and_read_back(file)[0]


def encode_and_read_back(file: BaselineFile) -> tuple[bytes, BaselineFile]:
    """The bytes of `file`, and what `decode` reads from them: the content, rounded.

    Raises:
        BaselineError: see `encode`.
    """
    try:
        content = msgspec.to_builtins(file, enc_hook=_plain)
        data = (json_for_review(content) + "\n").encode("utf-8")
        return data, _decode_at_once(data) or _decode_by_steps(data)
    except (_SchemaError, ValueError, TypeError, OverflowError) as error:
        raise BaselineError(
            f"this measurement cannot be stored as a baseline: {in_brief(error)}"
        ) from error


def _decode_at_once(data: bytes) -> BaselineFile | None:
    """The content, None if anything is wrong: ten times as fast as `_decode_by_steps`."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        file = msgspec.json.decode(data, type=_WholeFile)
        if file.schema == SCHEMA and not any(map(_has_flaw, file.entries.values())):
            return BaselineFile(entries=file.entries)
    return None


def _has_flaw(entry: BaselineEntry) -> bool:
    return any(_flaws(entry))


def _has_keys_once(data: bytes, file: BaselineFile) -> bool:
    """Whether no key occurs twice, by the number of colons: of two only the last is in `file`.

    A colon may be escaped; other escapes are counted with it, which only makes the check stricter.
    """
    return data.count(b":") + data.count(b"\\u003") == msgspec.json.encode(file).count(b":")


def _decode_by_steps(data: bytes) -> BaselineFile:
    """The content, read step by step, so that an error names its place."""
    content = _parse(data)
    schema = content.get("schema")
    if schema not in (SCHEMA, OLDER_SCHEMA):
        raise _SchemaError(
            "$.schema",
            f"{schema!r} is not a schema this version knows; it reads {SCHEMA!r} and "
            f"{OLDER_SCHEMA!r}",
            "upgrade pytest-trtperf, or delete the file and record again with --trtperf-update",
        )
    for name in sorted(set(content) - {"schema", "entries"}):
        raise _SchemaError(f"$.{name}", "this field is unknown")
    entries = content.get("entries")
    if not isinstance(entries, dict):
        raise _SchemaError("$.entries", "an object is expected")
    if schema == SCHEMA:
        return BaselineFile(entries={key: _entry(key, raw) for key, raw in entries.items()})
    try:
        return BaselineFile(
            entries={key: _entry(key, in_present_form(raw)) for key, raw in entries.items()}
        )
    except _SchemaError as flaw:
        raise _SchemaError(flaw.place.replace(".sessions[0]", ""), flaw.reason) from flaw


def _parse(data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise _SchemaError(place, f"this is not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise _SchemaError(f"byte {error.start}", "this is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise _SchemaError("$", f"this is not usable JSON: {error}") from error
    if not isinstance(content, dict):
        raise _SchemaError("$", "an object is expected")
    return content


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # a merge of two branches leaves duplicates, and JSON readers would silently take the last
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"the key {twice[0]!r} occurs more than once in one object")
    return content


def _not_finite(value: Any, place: str) -> Iterator[str]:
    """The places of NaN and infinity: Python's reader takes both, and 1e999 as well."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _not_finite(inner, f"{place}[{json.dumps(key)}]")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_finite(inner, f"{place}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield place


def _entry(key: str, raw: object) -> BaselineEntry:
    place = f"$.entries[{json.dumps(key)}]"
    try:
        entry = msgspec.convert(raw, BaselineEntry)
    except msgspec.ValidationError as error:
        for inner in _not_finite(raw, place):
            raise _SchemaError(inner, "a number is expected, not NaN or infinity") from error
        reason, _, inner = str(error).partition(" - at `$")
        raise _SchemaError(place + inner.rstrip("`"), reason) from error
    except (OverflowError, ValueError) as error:
        raise _SchemaError(place, str(error)) from error
    for inner, reason in _flaws(entry):
        raise _SchemaError(place + inner, reason)
    return entry


def _flaws(entry: BaselineEntry) -> Iterator[tuple[str, str]]:
    """What breaks the schema beyond types: the place within the entry, and the reason."""
    for index, run in enumerate(entry.runs):
        place = f".runs[{index}]"
        if not _is_utc(run.recorded):
            yield f"{place}.recorded", f"{run.recorded!r} is not an ISO 8601 date and time in UTC"
        metrics = set(run.sessions[0].rounds[0].quantiles)
        for at, session in enumerate(run.sessions):
            for number, one in enumerate(session.rounds):
                inner = f"{place}.sessions[{at}].rounds[{number}]"
                yield from _quantile_flaws(f"{inner}.quantiles", one.quantiles, metrics)
                for what, reason in impossible(
                    one.throughput, one.quantiles, one.yardstick_ms, one.sm_clock_mhz
                ):
                    yield f"{inner}.{what}", reason


def _quantile_flaws(
    place: str, quantiles: dict[str, list[float]], metrics: set[str]
) -> Iterator[tuple[str, str]]:
    if "latency" not in quantiles:
        yield place, "there is no latency"
    if set(quantiles) != metrics:
        yield place, "the rounds of a run must all have the same metrics"
    for metric, values in quantiles.items():
        if values != sorted(values):
            yield f"{place}.{metric}", "quantiles must not decrease"
        if values[MEDIAN] <= 0:
            yield f"{place}.{metric}", "the median must be above 0"


def _is_utc(text: str) -> bool:
    try:
        # Python 3.10 does not read the suffix Z
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        return False
    offset = moment.utcoffset()
    return offset is not None and not offset


def _plain(value: Any) -> int | float:
    """A number of numpy as Python's own."""
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"{type(value).__name__} is not a type that JSON has")
