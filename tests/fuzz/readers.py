"""Each reader of files and texts of others, with the inputs that try it.

A reader refuses an input with an error that it documents; anything else is a finding.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from pytest_trtperf.errors import TrtPerfError
from tests.fuzz import mutate, seeds

_DEEP = 10
"""A command goes on with one of so many records; it takes a hundred times as long as reading."""

_MOST_CHARACTERS = 5000
"""Of a message: it names what is wrong, and does not repeat a file."""


@dataclass(frozen=True)
class Reader:
    """A reader.

    Attributes:
        make: an input.
        read: reads it, and uses what it read as a command would.
        refuses: errors that say that the input is wrong.
        modules: whose lines are counted.
    """

    make: Callable[[Random], Any]
    read: Callable[[Any], object]
    refuses: tuple[type[Exception], ...]
    modules: tuple[str, ...]


def try_one(reader: Reader, random: Random) -> tuple[bool, float]:
    """Tries one input; whether the reader took it, and the seconds of processor time for a MB.

    Of an input under a MB these are the seconds that it took.

    Raises:
        Exception: one that the reader does not document; an AssertionError for a long message.
    """
    one = reader.make(random)
    megabytes = max(1.0, len(one) / 1e6) if isinstance(one, bytes) else 1.0
    begun = time.process_time()
    try:
        reader.read(one)
    except reader.refuses as error:
        length = len(str(error))
        assert length <= _MOST_CHARACTERS, f"a message of {length} characters"
        return False, (time.process_time() - begun) / megabytes
    return True, (time.process_time() - begun) / megabytes


def folder() -> Path:
    """An empty folder for the files of inputs; in memory where that is to be had."""
    place = Path("/dev/shm")
    base = place if place.is_dir() else None
    return Path(tempfile.mkdtemp(prefix="trtperf-fuzz-", dir=base))


def readers(place: Path) -> Mapping[str, Reader]:
    """All readers by name; files are written to `place`."""
    return dict(_readers(place))


def _json(documents: Callable[[], list[bytes]]) -> Callable[[Random], bytes]:
    return lambda random: mutate.odd_json(random, random.choice(documents()))


def _readers(place: Path) -> Iterator[tuple[str, Reader]]:
    yield "baseline", Reader(
        _json(seeds.baselines), _read_baseline, (TrtPerfError,),
        ("baseline/schema", "baseline/older_form", "baseline/review_json"),
    )  # fmt: skip
    record = place / "run.json"
    yield "record", Reader(
        _json(seeds.records), lambda data: _read_record(record, data), (TrtPerfError,),
        ("record/json_file", "record/older_form", "report/exports", "report/markdown",
         "commands/compared_records", "commands/compare_text"),
    )  # fmt: skip
    lines = place / "run.jsonl"
    yield "record lines", Reader(
        _odd_lines, lambda data: _read_record(lines, data), (TrtPerfError,),
        ("record/json_lines", "record/packed", "record/json_file"),
    )  # fmt: skip
    table = place / "models.slo.toml"
    yield "table", Reader(
        lambda random: mutate.odd_toml(random, seeds.TABLE),
        lambda data: _read_table(table, data), (TrtPerfError,),
        ("slo/table", "slo/items", "slo/budgets"),
    )  # fmt: skip
    toml = place / "perf-acknowledged.toml"
    yield "acknowledged", Reader(
        lambda random: mutate.odd_toml(random, seeds.acknowledged()),
        lambda data: _read_toml(toml, data), (TrtPerfError,), ("record/acknowledged",),
    )  # fmt: skip
    nights = place / "nights"
    yield "trend", Reader(
        _odd_nights, lambda found: _read_nights(nights, found), (TrtPerfError,),
        ("record/history", "record/observed", "record/observed_files", "record/packed"),
    )  # fmt: skip
    yield (
        "trtexec times",
        Reader(
            _json(seeds.times),
            _read_times,
            (TrtPerfError,),
            ("trtexec/read_exports", "trtexec/runs"),
        ),
    )
    yield (
        "trtexec profile",
        Reader(_json(seeds.profiles), _read_profile, (TrtPerfError,), ("trtexec/read_exports",)),
    )
    log = place / "trtexec.log"
    yield "trtexec log", Reader(
        lambda random: mutate.odd_log(random, random.choice(seeds.logs())),
        lambda data: _read_log(log, data), (TrtPerfError,),
        ("trtexec/read_log", "commands/trtexec_budgets", "commands/compare_trtexec"),
    )  # fmt: skip
    yield "trtexec command", Reader(
        _command, _read_command, (TrtPerfError, ValueError, TypeError),
        ("trtexec/command", "trtexec/arguments", "trtexec/values", "trtexec/measured_mode"),
    )  # fmt: skip
    yield (
        "options",
        Reader(_option, _read_option, (ValueError,), ("options/values", "engine/shapes")),
    )
    yield (
        "plan identity",
        Reader(_json(seeds.identities), _read_identity, (ValueError,), ("plan_cache/identity",)),
    )
    model = place / "model.onnx"
    yield "ONNX file", Reader(
        lambda random: mutate.odd_protobuf(random, random.choice(seeds.models())),
        lambda data: _read_model(model, data), (TrtPerfError,),
        ("onnx_file/outline", "onnx_file/protobuf", "onnx_file/external_data",
         "onnx_file/external_tensors"),
    )  # fmt: skip
    yield "npy and npz", Reader(
        _arrays, lambda found: _read_arrays(place, *found), (TrtPerfError,),
        ("backend/given_inputs",),
    )  # fmt: skip


def _read_baseline(data: bytes) -> None:
    from pytest_trtperf.baseline.schema import decode, encode_and_read_back

    file = decode(data, "baseline.json")
    assert encode_and_read_back(file)[1].entries.keys() == file.entries.keys()


def _read_record(path: Path, data: bytes) -> None:
    from pytest_trtperf.record.json_file import read_runs
    from pytest_trtperf.report.exports import bigger_is_better, smaller_is_better

    path.write_bytes(data)
    runs = read_runs(path)
    smaller_is_better(runs)
    bigger_is_better(runs)
    if zlib.crc32(data) % _DEEP == 0:
        _command_line("compare", path, path, "--all")
        _command_line("export", path, "--format", "markdown")


def _command_line(*words: object) -> None:
    from pytest_trtperf.cli import main

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main([str(word) for word in words]) in (0, 1, 2)


def _odd_lines(random: Random) -> bytes:
    lines = list(seeds.lines())
    for _ in range(random.choice((1, 1, 2))):
        at = random.randrange(len(lines))
        lines[at] = mutate.odd_json(random, seeds.lines()[at])
    if random.random() < 0.2:
        random.shuffle(lines)
    data = random.choice((b"\n", b"\n", b"\r\n", b"\n\n")).join(lines)
    return mutate.odd_bytes(random, data) if random.random() < 0.2 else data


def _read_table(path: Path, data: bytes) -> None:
    from pytest_trtperf.slo.items import items_of

    path.write_bytes(data)
    for test in items_of(path):
        assert test.name.startswith(test.of.name)


def _read_toml(path: Path, data: bytes) -> None:
    from pytest_trtperf.record.acknowledged import read_acknowledged
    from pytest_trtperf.record.text import matches

    path.write_bytes(data)
    found = read_acknowledged(path)
    for pattern in (*found.quarantine, *(one.key for one in found.acknowledged)):
        matches(pattern, "tests/t.py::test_a[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]#wide")


def _odd_nights(random: Random) -> list[bytes]:
    nights = list(seeds.nights()[: random.choice((2, 4, 20))])
    for _ in range(random.choice((1, 1, 3))):
        at = random.randrange(len(nights))
        nights[at] = mutate.odd_json(random, seeds.nights()[at])
    if random.random() < 0.1:
        whole = gzip.compress(random.choice((nights[0], bytes(random.choice((9, 300 << 20))))), 1)
        nights[0] = mutate.odd_bytes(random, whole) if random.random() < 0.5 else whole
    return nights


def _read_nights(directory: Path, nights: list[bytes]) -> None:
    from pytest_trtperf.record.history import read_history

    directory.mkdir(exist_ok=True)
    for stale in directory.iterdir():
        stale.unlink()
    for number, data in enumerate(nights):
        suffix = ".json.gz" if data.startswith(b"\x1f\x8b") else ".json"
        (directory / f"{number}{suffix}").write_bytes(data)
    if zlib.crc32(b"".join(nights)) % _DEEP == 0:
        _command_line("trend", directory, "--all")
    else:
        read_history(directory)


def _read_times(data: bytes) -> None:
    from pytest_trtperf.trtexec.read_exports import import_times
    from pytest_trtperf.trtexec.runs import imported_run

    imported_run(import_times(data, "times.json"), recorded="2026-01-02T03:04:05Z")


def _read_profile(data: bytes) -> None:
    from pytest_trtperf.trtexec.read_exports import import_profile

    import_profile(data, "profile.json")


def _read_log(path: Path, data: bytes) -> None:
    from pytest_trtperf.commands.trtexec_budgets import budgets_table
    from pytest_trtperf.files.toml import read_toml
    from pytest_trtperf.trtexec.read_log import read_log

    read_toml(budgets_table(read_log(data, path), 0.1))
    if zlib.crc32(data) % _DEEP == 0:
        path.write_bytes(data)
        record = path.with_name("measured.json")
        record.write_bytes(seeds.records()[0])
        test = "tests/t.py::test_a"
        _command_line("compare-trtexec", path, record, "--test", test, "--tolerance", "0.1")


_VALUES = (
    "model.onnx", "model.plan", "x:1x3", "x:1x3,y:2", "'x:0':8x3", "fp16:chw", "fp32:chw+hwc", "3",
    "workspace:1024M", "+CUBLAS,-CUDNN", "0x7", "1.5", "100%", "auto", "8x3x224x224",
    "x:9" + "9" * 90,
)  # fmt: skip


def _command(random: Random) -> str:
    from pytest_trtperf.trtexec.command import KNOWN

    if not _WORDS:
        _WORDS.extend(("trtexec", "/usr/bin/trtexec", "A=b", *sorted(KNOWN)))
        _WORDS.extend(("--onnx", "--loadEngine", "--shapes", "--minShapes", "--optShapes") * 12)
    right = " ".join(random.sample(_RIGHT, k=random.randrange(6)))
    odd = mutate.odd_command(random, _WORDS, _VALUES) if random.random() < 0.7 else ""
    return f"trtexec --onnx=model.onnx {right} {odd}" if random.random() < 0.9 else odd


_WORDS: list[str] = []
_RIGHT = (
    "--fp16", "--int8", "--noTF32", "--stronglyTyped", "--shapes=x:8x3", "--useSpinWait",
    "--minShapes=x:1x3 --optShapes=x:4x3 --maxShapes=x:8x3", "--memPoolSize=workspace:1024M",
    "--builderOptimizationLevel=3", "--profile=0 --optShapes='x:0':2", "--infStreams=2",
    "--tacticSources=-CUBLAS,+CUDNN", "--timingCacheFile=a.cache", "--idleTime=2",
    "--inputIOFormats=fp16:chw", "--sparsity=enable", "--hardwareCompatibilityLevel=ampere+",
    "--profilingVerbosity=detailed", "--staticPlugins=a.so", "--verbose", "# a comment\n",
    "--preview=+profileSharing0806", "--computeCapabilities=8.0,9.0", "--noDataTransfers",
)  # fmt: skip


def _read_command(text: str) -> None:
    from pytest_trtperf.trtexec.command import read_command
    from pytest_trtperf.trtexec.measured_mode import mode_of_trtexec, shapes_of_trtexec
    from pytest_trtperf.trtexec.measuring_options import read_measuring

    try:
        mode_of_trtexec(text, 11)
        shapes_of_trtexec(text)
    finally:
        try:
            read_measuring(text)
        finally:
            read_command(text)


_PARTS = (
    "0", "1", "-1", "0.05", "1e3", "nan", "inf", "1" * 400, "median=", "p99=0.1", ",", "=", ":",
    "x:a.npy", "a.npz", "'a:b'", "20", "GiB", " ", "d", "none", "auto", "closed", "dir:", "git:",
    "git:--x", "cache:~nobody", "\0", "\ud800", "模型", "true", "x", "1x3", "?x3", "x" * 200_000,
)  # fmt: skip


def _option(random: Random) -> tuple[str, object]:
    from pytest_trtperf.options.values import PARSERS

    kind = random.choice((*PARSERS, "shape", "shape"))
    parts = random.choices(_PARTS, k=random.choice((1, 1, 2, 3, 5)))
    text: object = "".join(parts)
    if random.random() < 0.2:
        text = random.choice((None, True, [], {}, {"x": parts}, parts, 1.5, b"x", {1: 2}, object()))
    return kind, text


def _read_option(given: tuple[str, Any]) -> None:
    from pytest_trtperf.engine.shapes import parse_profiles, parse_shape
    from pytest_trtperf.options import DECLARED, OF_MEASUREMENT
    from pytest_trtperf.options.resolve import override
    from pytest_trtperf.options.values import PARSERS

    kind, value = given
    if kind == "shape":
        parse_profiles({"x": value})
        parse_shape(value)
        return
    option = next((one for one in DECLARED if one.kind == kind), None)
    if option and option in OF_MEASUREMENT:
        from pytest_trtperf.options.declared import Settings

        override(Settings(), {option.name: value}, "the test")
    else:
        with contextlib.suppress(ValueError):
            PARSERS[kind](value)


def _read_identity(data: bytes) -> None:
    from pytest_trtperf.plan_cache.identity import PlanIdentity, decode

    decode(data, PlanIdentity).encode()


def _read_model(path: Path, data: bytes) -> None:
    from pytest_trtperf.onnx_file.external_data import files_digest, model_files
    from pytest_trtperf.onnx_file.outline import outline

    path.write_bytes(data)
    path.with_name("weights.bin").write_bytes(bytes(16))
    found = outline(path)
    assert len(found.problem) <= _MOST_CHARACTERS
    files_digest(model_files(path))


def _arrays(random: Random) -> tuple[str, bytes]:
    if random.random() < 0.5:
        return "x.npy", mutate.odd_npy(random)
    return "x.npz", mutate.odd_npz(random)


def _read_arrays(place: Path, name: str, data: bytes) -> None:
    from pytest_trtperf.backend.given_inputs import read_inputs, value_digest

    path = place / name
    path.write_bytes(data)
    values = read_inputs(path if name == "x.npz" else {"x": path})
    for value in values.values():
        value_digest(value)
