"""Baseline files as bytes: reviewable, stable, and refused as soon as something is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineFile,
    BaselineRound,
    BaselineRun,
    BaselineSession,
    decode,
    encode,
)
from pytest_trtperf.errors import BaselineError

Maker = Callable[..., BaselineEntry]
POSITIVE = st.floats(1e-6, 1e9)
ROUNDS = st.builds(
    BaselineRound,
    queries=st.integers(1, 10**9),
    throughput=POSITIVE,
    quantiles=st.fixed_dictionaries(
        {"latency": st.lists(POSITIVE, min_size=21, max_size=21).map(sorted)}
    ),
    sm_clock_mhz=st.none() | st.floats(1e-6, 1e6),
)
SESSIONS = st.builds(
    BaselineSession,
    rounds=st.lists(ROUNDS, min_size=1, max_size=3),
    kernels=st.sampled_from(["cached", "fresh", "unknown", None]),
    kernels_digest=st.none() | st.text(),
    steady=st.booleans(),
)
RUNS = st.builds(
    BaselineRun,
    recorded=st.just("2026-01-02T03:04:05+00:00"),
    plan=st.text(),
    software=st.dictionaries(st.text(), st.text(), max_size=3),
    sessions=st.lists(SESSIONS, min_size=1, max_size=3),
)
ENTRIES = st.builds(
    BaselineEntry,
    engine=st.text(),
    mode=st.dictionaries(
        st.text(),
        st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        max_size=3,
    ),
    shapes=st.dictionaries(st.text(), st.lists(st.integers(0, 4096), max_size=4), max_size=2),
    runs=st.lists(RUNS, min_size=1, max_size=2),
)
FILES = st.builds(BaselineFile, entries=st.dictionaries(st.text(), ENTRIES, max_size=2))


@given(FILES)
def test_encoding_is_stable_and_modes_stay_exact(file: BaselineFile) -> None:
    data = encode(file)
    again = decode(data, "x.json")
    assert encode(again) == data
    for key, entry in file.entries.items():
        assert again.entries[key].mode == entry.mode
        assert again.entries[key].shapes == entry.shapes


@given(FILES)
def test_files_are_valid_json_with_sorted_keys(file: BaselineFile) -> None:
    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert names == sorted(names)
        return dict(pairs)

    json.loads(encode(file), object_pairs_hook=check)


def test_text_is_made_to_be_reviewed(entry: Maker) -> None:
    text = encode(BaselineFile(entries={"test_a": entry(1 / 3)})).decode()
    lines = text.splitlines()
    assert text.endswith("}\n")
    assert '      "engine": "' + "cd" * 32 + '",' in lines
    assert '        "input": [8, 3, 224, 224]' in lines
    assert any(line.strip().startswith('"latency": [0.33333, 0.33667,') for line in lines)
    assert '  "schema": "trtperf-baseline/2"' in lines


def test_values_of_numpy_are_stored_as_numbers(entry: Maker) -> None:
    assert encode(BaselineFile(entries={"a": entry(np.float64(2.0))})) == encode(
        BaselineFile(entries={"a": entry(2.0)})
    )


@pytest.fixture
def content(entry: Maker) -> dict[str, Any]:
    return dict(json.loads(encode(BaselineFile(entries={"test_a[8]": entry()}))))


def put(content: dict[str, Any], place: list[Any], value: Any) -> bytes:
    inner: Any = content
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return json.dumps(content).encode()


ENTRY: list[Any] = ["entries", "test_a[8]"]
RUN = [*ENTRY, "runs", 0]
SESSION = [*RUN, "sessions", 0]
ROUND = [*SESSION, "rounds", 1]


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (["schema"], "trtperf-baseline/3", "$.schema"),
        (["schema"], None, "$.schema"),
        (["entries"], [], "$.entries"),
        (["extra"], 1, "$.extra"),
        (ENTRY, [], '$.entries["test_a[8]"]'),
        ([*ENTRY, "engine"], 1, '$.entries["test_a[8]"].engine'),
        ([*ENTRY, "runs"], [], ".runs"),
        ([*ENTRY, "mode"], {"a": []}, ".mode"),
        ([*ENTRY, "mode"], {"a": math.nan}, '["mode"]["a"]'),
        ([*ENTRY, "shapes"], {"a": [1.5]}, ".shapes"),
        ([*RUN, "sessions"], [], ".runs[0].sessions"),
        ([*SESSION, "rounds"], [], ".runs[0].sessions[0].rounds"),
        ([*SESSION, "kernels"], "warm", ".sessions[0].kernels"),
        ([*RUN, "recorded"], "yesterday", ".runs[0].recorded"),
        ([*RUN, "recorded"], "2026-01-02T03:04:05", ".runs[0].recorded"),
        ([*RUN, "recorded"], "2026-01-02T03:04:05+02:00", ".runs[0].recorded"),
        ([*RUN, "unknown"], 1, ".runs[0]"),
        ([*ROUND, "queries"], 0, ".sessions[0].rounds[1].queries"),
        ([*ROUND, "queries"], True, ".rounds[1].queries"),
        ([*ROUND, "throughput"], -1.0, ".rounds[1].throughput"),
        ([*ROUND, "throughput"], math.nan, '["rounds"][1]["throughput"]'),
        ([*ROUND, "throughput"], math.inf, '["rounds"][1]["throughput"]'),
        ([*ROUND, "throughput"], 10**400, "test_a[8]"),
        ([*ROUND, "sm_clock_mhz"], 0, ".rounds[1].sm_clock_mhz"),
        ([*ROUND, "quantiles", "latency"], [1.0] * 20, ".rounds[1].quantiles"),
        ([*ROUND, "quantiles", "latency"], [1.0] * 20 + [0.5], ".rounds[1].quantiles.latency"),
        ([*ROUND, "quantiles", "latency"], [-1.0] * 21, ".rounds[1].quantiles"),
        ([*ROUND, "quantiles", "latency"], [0.0] * 21, ".rounds[1].quantiles.latency"),
        ([*ROUND, "quantiles"], {}, ".rounds[1].quantiles"),
    ],
)
def test_errors_name_file_and_place(
    content: dict[str, Any], place: list[Any], value: Any, named: str
) -> None:
    with pytest.raises(BaselineError) as caught:
        decode(put(content, place, value), "perf/test_a.json")
    assert "perf/test_a.json" in str(caught.value)
    assert named in str(caught.value)


def test_missing_fields_are_named(content: dict[str, Any]) -> None:
    del content["entries"]["test_a[8]"]["engine"]
    with pytest.raises(BaselineError, match="`engine`"):
        decode(json.dumps(content).encode(), "x.json")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "line 1 column 1"),
        (b"{\n<<<<<<< HEAD\n", "line 2 column 1"),
        (b"[]", "an object is expected"),
        (b"\xff", "byte 0"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"[" * 100_000, "$"),
        (b'{"schema": "trtperf-baseline/2", "entries": {}, "entries": {}}', "'entries' occurs"),
        (b'{"schema": "x", "schema": "trtperf-baseline/2"}', "'schema' occurs"),
        (b'{"schema": "trtperf-baseline/2", "entries": 1e999}', "$.entries: an object"),
        (b"1" * 5000, "$"),
    ],
)
def test_bytes_that_are_no_baseline_are_refused(data: bytes, named: str) -> None:
    with pytest.raises(BaselineError) as caught:
        decode(data, "x.json")
    assert named in str(caught.value)
    assert "x.json" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (b"", b""),
        (b"T03:04", b"T03\\u003a04"),
        (b',\n  "schema": "trtperf-baseline/2"', b""),
        (b'{\n  "entries"', b'{\n  "schema": "x",\n  "entries"'),
    ],
    ids=["alone", "beside a hidden colon", "without a schema", "beside a second schema"],
)
def test_key_that_occurs_twice_is_refused(entry: Maker, text: bytes, other: bytes) -> None:
    twice = encode(BaselineFile(entries={"a": entry()})).replace(
        b'"plan":', b'"plan": "of another branch",\n"plan":'
    )
    with pytest.raises(BaselineError, match=r"'(plan|schema)' occurs more than once"):
        decode(twice.replace(text, other, 1), "x.json")


@given(st.data())
def test_every_truncation_is_refused(data: st.DataObject) -> None:
    whole = encode(data.draw(FILES))
    # without its newline the text is still whole
    length = data.draw(st.integers(0, len(whole) - 2))
    with pytest.raises(BaselineError):
        decode(whole[:length], "x.json")


@given(st.binary(max_size=200))
def test_garbage_is_refused_as_such(data: bytes) -> None:
    with pytest.raises(BaselineError):
        decode(data, "x.json")


@pytest.mark.parametrize(
    "changes",
    [{"runs": []}, {"mode": {"a": math.nan}}, {"shapes": {"a": ["b"]}}, {"engine": object()}],
)
def test_records_that_break_the_schema_are_not_encoded(
    entry: Maker, changes: dict[str, Any]
) -> None:
    with pytest.raises(BaselineError, match="cannot be stored"):
        encode(BaselineFile(entries={"a": entry(**changes)}))


@pytest.mark.parametrize("level", [math.nan, math.inf, -1.0])
def test_latencies_that_are_none_are_not_encoded(entry: Maker, level: float) -> None:
    with pytest.raises(BaselineError, match="cannot be stored"):
        encode(BaselineFile(entries={"a": entry(level)}))


def test_median_above_0_may_have_zeros_below_it(entry: Maker) -> None:
    def stored(zeros: int) -> BaselineFile:
        quantiles = [0.0] * zeros + [1.0] * (21 - zeros)
        run = entry().runs[0]
        round = msgspec.structs.replace(run.rounds[0], quantiles={"latency": quantiles})
        sessions = [BaselineSession(rounds=[round])]
        return BaselineFile(
            entries={"a": entry(runs=[msgspec.structs.replace(run, sessions=sessions)])}
        )

    assert decode(encode(stored(8)), "x.json") == stored(8)
    with pytest.raises(BaselineError, match="the median must be above 0"):
        encode(stored(9))
