"""Baseline files on disk: merged, atomic, and never lost."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_trtperf.baseline.layout import baseline_path
from pytest_trtperf.baseline.schema import BaselineEntry, decode
from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.errors import BaselineError

Maker = Callable[..., BaselineEntry]
MODULE = "tests/test_x.py"


@pytest.fixture
def store(tmp_path: Path) -> BaselineStore:
    return BaselineStore(tmp_path / "perf-baselines", "nvidia-h200", "tensorrt")


def leftovers(store: BaselineStore) -> list[str]:
    return [path.name for path in store.directory.rglob("*") if path.suffix != ".json"]


def test_path_follows_hardware_backend_and_module() -> None:
    path = baseline_path(Path("b"), "nvidia-h200", "tensorrt", "tests/gpu/test_a.b.py")
    assert path == Path("b/nvidia-h200/tensorrt/tests/gpu/test_a.b.json")


@pytest.mark.parametrize(
    "module",
    ["../test_x.py", "a/../../x.py", "/etc/x.py", "C:/x.py", "a\\x.py", "a//x.py", "x.txt", ""],
)
def test_modules_outside_are_refused(module: str) -> None:
    with pytest.raises(BaselineError, match="cannot have a baseline"):
        baseline_path(Path("b"), "nvidia-h200", "tensorrt", module)


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_folders_outside_are_refused(name: str) -> None:
    with pytest.raises(BaselineError, match="cannot name a folder"):
        baseline_path(Path("b"), name, "tensorrt", MODULE)


def test_reading_makes_nothing(store: BaselineStore) -> None:
    assert store.get(MODULE, "test_a") is None
    assert store.entries(MODULE) == {}
    assert store.list_modules() == []
    assert not store.directory.exists()


def test_what_is_written_is_read_by_the_next_process(store: BaselineStore, entry: Maker) -> None:
    assert store.update(MODULE, {"test_a": entry()}) == store.path(MODULE)
    fresh = BaselineStore(store.directory, store.hardware_class, store.backend)
    stored, expected = fresh.get(MODULE, "test_a"), entry()
    assert stored is not None
    assert (stored.engine, stored.mode, stored.shapes) == (
        expected.engine,
        expected.mode,
        expected.shapes,
    )
    assert stored.runs[0].rounds[0].quantiles["latency"] == pytest.approx(
        expected.runs[0].rounds[0].quantiles["latency"], rel=1e-4
    )
    assert fresh.list_modules() == [MODULE]
    assert leftovers(store) == ["nvidia-h200", "tensorrt", "tests"]


def test_update_merges_with_what_another_process_wrote(store: BaselineStore, entry: Maker) -> None:
    other = BaselineStore(store.directory, store.hardware_class, store.backend)
    assert store.entries(MODULE) == {}
    other.update(MODULE, {"test_a": entry()})
    store.update(MODULE, {"test_b": entry()})
    assert sorted(store.entries(MODULE)) == ["test_a", "test_b"]


def test_update_that_changes_nothing_leaves_the_file_alone(
    store: BaselineStore, entry: Maker
) -> None:
    path = store.update(MODULE, {"test_a": entry()})
    assert path is not None
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert store.update(MODULE, {"test_a": entry()}, remove=["absent"]) is None
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_removed_entries_go_and_an_empty_file_with_them(store: BaselineStore, entry: Maker) -> None:
    store.update(MODULE, {"test_a": entry(), "test_b": entry()})
    store.update(MODULE, {}, remove=["test_a"])
    assert list(store.entries(MODULE)) == ["test_b"]
    assert store.update(MODULE, {}, remove=["test_b"]) == store.path(MODULE)
    assert not store.path(MODULE).exists()
    assert store.entries(MODULE) == {}


def test_change_wins_over_removal_of_the_same_key(store: BaselineStore, entry: Maker) -> None:
    store.update(MODULE, {"test_a": entry(1.0)})
    store.update(MODULE, {"test_a": entry(2.0)}, remove=["test_a"])
    stored = store.get(MODULE, "test_a")
    assert stored is not None
    assert stored.runs[0].rounds[0].throughput == 500


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"trtperf-baseline/2", b"trtperf-baseline/9"),
        lambda data: data.replace(b'"throughput": 1000.0', b'"throughput": NaN'),
        lambda data: b"<<<<<<< HEAD\n" + data,
        lambda data: b"\x00\xff" + data,
    ],
    ids=["empty", "truncated", "foreign-schema", "nan", "conflict", "binary"],
)
def test_broken_file_is_named_and_never_overwritten(
    store: BaselineStore, entry: Maker, damage: Callable[[bytes], bytes]
) -> None:
    path = store.update(MODULE, {"test_a": entry()})
    assert path is not None
    path.write_bytes(broken := damage(path.read_bytes()))
    fresh = BaselineStore(store.directory, store.hardware_class, store.backend)
    for use in (
        lambda: fresh.get(MODULE, "test_a"),
        lambda: fresh.update(MODULE, {"test_b": entry()}),
        lambda: fresh.update(MODULE, {}, remove=["test_a"]),
    ):
        with pytest.raises(BaselineError) as caught:
            use()
        assert str(path) in str(caught.value)
    assert path.read_bytes() == broken
    assert leftovers(store) == ["nvidia-h200", "tensorrt", "tests"]


def test_invalid_measurement_leaves_the_file_alone(store: BaselineStore, entry: Maker) -> None:
    path = store.update(MODULE, {"test_a": entry()})
    assert path is not None
    before = path.read_bytes()
    with pytest.raises(BaselineError, match="cannot be stored"):
        store.update(MODULE, {"test_a": entry(float("nan"))})
    assert path.read_bytes() == before


def test_directory_in_the_place_of_a_file_is_named(store: BaselineStore, entry: Maker) -> None:
    store.path(MODULE).mkdir(parents=True)
    with pytest.raises(BaselineError, match="--trtperf-baseline-dir"):
        store.get(MODULE, "test_a")
    with pytest.raises(BaselineError, match="cannot be read"):
        store.update(MODULE, {"test_a": entry()})


def test_file_in_the_place_of_a_directory_is_named(tmp_path: Path, entry: Maker) -> None:
    (tmp_path / "perf-baselines").write_text("not a directory")
    store = BaselineStore(tmp_path / "perf-baselines", "nvidia-h200", "tensorrt")
    assert store.get(MODULE, "test_a") is None
    with pytest.raises(BaselineError, match="cannot be written"):
        store.update(MODULE, {"test_a": entry()})


@pytest.mark.skipif(not hasattr(os, "umask"), reason="needs POSIX permissions")
def test_file_follows_the_umask(store: BaselineStore, entry: Maker) -> None:
    before = os.umask(0o022)
    try:
        path = store.update(MODULE, {"test_a": entry()})
    finally:
        os.umask(before)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


WRITER = """
import itertools, sys
from pathlib import Path
from pytest_trtperf.baseline.store import BaselineStore

directory, name, count = sys.argv[1:]
store = BaselineStore(Path(directory), "nvidia-h200", "tensorrt")
entry = store.get("tests/test_x.py", "old")
print("ready", flush=True)
for index in itertools.islice(itertools.count(), int(count) or None):
    store.update("tests/test_x.py", {f"{name}[{index % 5}]": entry}, remove=[f"{name}[0]"])
"""


def start_writer(store: BaselineStore, name: str, count: int) -> subprocess.Popen[bytes]:
    """A process that goes on writing copies of the entry "old"; for ever with a count of 0."""
    command = [sys.executable, "-c", WRITER, str(store.directory), name, str(count)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    return writer


def test_processes_that_write_at_once_lose_nothing(store: BaselineStore, entry: Maker) -> None:
    store.update(MODULE, {"old": entry()})
    writers = [start_writer(store, f"test_{index}", 6) for index in range(3)]
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    fresh = BaselineStore(store.directory, store.hardware_class, store.backend)
    expected = {f"test_{index}[{number}]" for index in range(3) for number in range(5)}
    assert set(fresh.entries(MODULE)) == {"old", *expected}


KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from pytest_trtperf.baseline import store

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(os, sys.argv[2], die)
at = store.BaselineStore(Path(sys.argv[1]), "nvidia-h200", "tensorrt")
at.update("tests/test_[x].py", {"new": at.get("tests/test_[x].py", "old")})
"""


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_killed_writer_leaves_the_old_file_and_no_lock(
    store: BaselineStore, entry: Maker, moment: str
) -> None:
    module = "tests/test_[x].py"
    path = store.update(module, {"old": entry()})
    assert path is not None
    before = path.read_bytes()
    command = [sys.executable, "-c", KILLED_WRITER, str(store.directory), moment]
    killed = subprocess.run(command, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert store.list_modules() == [module]

    store.update(module, {"new": entry()})
    assert sorted(decode(path.read_bytes(), path).entries) == ["new", "old"]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.03, 0.1])
def test_writer_killed_at_any_time_leaves_a_whole_file(
    store: BaselineStore, entry: Maker, delay: float
) -> None:
    store.update(MODULE, {"old": entry()})
    writer = start_writer(store, "test_new", 0)
    time.sleep(delay)
    writer.kill()
    writer.communicate(timeout=60)
    assert "old" in decode(store.path(MODULE).read_bytes(), "x.json").entries
    assert store.update(MODULE, {"last": entry()}) is not None
    assert not [name for name in leftovers(store) if name.endswith(".tmp")]


def per_test(store: BaselineStore) -> BaselineStore:
    return BaselineStore(store.directory, store.hardware_class, store.backend, "test")


def names(store: BaselineStore) -> list[str]:
    return sorted(str(one.relative_to(store.directory)) for one in store.directory.rglob("*.json"))


KEYS = [f"{MODULE}::{name}" for name in ("test_a[8]", "test_a[8]#wide", "TestB::test_a", "test_A")]


def test_a_file_for_each_test(store: BaselineStore, entry: Maker) -> None:
    folder = per_test(store).update(MODULE, {key: entry() for key in KEYS})
    assert folder == store.directory / "nvidia-h200" / "tensorrt" / "tests" / "test_x.py"
    found = [name.removeprefix("nvidia-h200/tensorrt/tests/test_x.py/") for name in names(store)]
    assert [re.sub(r"-[0-9a-f]{8}\.json$", "", name) for name in found] == [
        *("TestB-test_a", "test_A", "test_a-8"),
    ]
    assert len({name.lower() for name in found}) == 3
    fresh = BaselineStore(store.directory, store.hardware_class, store.backend)
    assert set(fresh.entries(MODULE)) == set(KEYS)
    assert fresh.list_modules() == [MODULE]


def test_a_change_of_one_test_leaves_the_files_of_others(
    store: BaselineStore, entry: Maker
) -> None:
    per_test(store).update(MODULE, {key: entry() for key in KEYS})
    before = {name: (store.directory / name).stat().st_mtime_ns for name in names(store)}
    # Without an option the layout stays as it is.
    store.update(MODULE, {KEYS[2]: entry(2.0), f"{MODULE}::test_new": entry()})
    after = {name: (store.directory / name).stat().st_mtime_ns for name in names(store)}
    assert len(after.keys() - before.keys()) == 1
    changed = {name for name, moment in before.items() if after[name] != moment}
    assert ["TestB-test_a" in name for name in changed] == [True]


@pytest.mark.parametrize("key", KEYS)
def test_the_layout_changes_with_the_next_update(
    store: BaselineStore, entry: Maker, key: str
) -> None:
    store.update(MODULE, {key: entry() for key in KEYS})
    assert names(store) == ["nvidia-h200/tensorrt/tests/test_x.json"]
    per_test(store).update(MODULE, {key: entry(2.0)})
    assert len(names(store)) == 3
    back = BaselineStore(store.directory, store.hardware_class, store.backend, "module")
    levels = {one: found.rounds[0].throughput for one, found in back.entries(MODULE).items()}
    assert levels == {one: 500 if one == key else 1000 for one in KEYS}
    back.update(MODULE, {key: entry(1.0)})
    assert names(store) == ["nvidia-h200/tensorrt/tests/test_x.json"]
    assert set(back.entries(MODULE)) == set(KEYS)
    assert leftovers(store) == ["nvidia-h200", "tensorrt", "tests"]


def test_the_file_of_a_test_goes_with_its_last_entry(store: BaselineStore, entry: Maker) -> None:
    tests = per_test(store)
    tests.update(MODULE, {key: entry() for key in KEYS})
    tests.update(MODULE, {}, remove=KEYS[2:])
    assert len(names(store)) == 1
    tests.update(MODULE, {}, remove=KEYS)
    assert leftovers(store) == ["nvidia-h200", "tensorrt", "tests"]


def test_an_entry_in_two_files_is_refused_unless_both_are_equal(
    store: BaselineStore, entry: Maker
) -> None:
    one = store.update(MODULE, {KEYS[0]: entry()})
    assert one is not None
    before = one.read_bytes()
    per_test(store).update(MODULE, {KEYS[1]: entry()})
    one.write_bytes(before)
    assert set(per_test(store).entries(MODULE)) == set(KEYS[:2])
    one.write_bytes(before.replace(b'"throughput": 1000.0', b'"throughput": 900.0'))
    for use in (
        lambda: per_test(store).entries(MODULE),
        lambda: per_test(store).update(MODULE, {KEYS[2]: entry()}),
    ):
        with pytest.raises(BaselineError, match=r"test_x\.json and .*test_a-8.*test_a\[8\]"):
            use()


KILLED_MOVER = """
import itertools, os, signal, sys
from pathlib import Path
from pytest_trtperf.baseline import store

count = itertools.count()
real = getattr(os, sys.argv[2])

def die(*arguments, **named):
    if next(count) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)

at = store.BaselineStore(Path(sys.argv[1]), "nvidia-h200", "tensorrt", "test")
entries = at.entries("tests/test_x.py")
setattr(os, sys.argv[2], die)
at.update("tests/test_x.py", {key: store.BaselineEntry(
    engine="new", mode=entry.mode, shapes=entry.shapes, runs=entry.runs
) for key, entry in entries.items()})
"""


@pytest.mark.parametrize("after", range(6))
def test_killed_while_the_layout_changes_every_entry_is_there(
    store: BaselineStore, entry: Maker, after: int
) -> None:
    store.update(MODULE, {key: entry() for key in KEYS})
    command = [sys.executable, "-c", KILLED_MOVER, str(store.directory), "replace", str(after)]
    killed = subprocess.run(command, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    fresh = per_test(store)
    found = fresh.entries(MODULE)
    assert set(found) == set(KEYS)
    assert {one.engine for one in found.values()} <= {"new", entry().engine}
    assert fresh.update(MODULE, {f"{MODULE}::last": entry()}) is not None
    assert len(names(store)) == 4
    assert not [name for name in leftovers(store) if name.endswith(".tmp")]


def test_a_folder_that_cannot_be_read_is_named(
    store: BaselineStore, entry: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = per_test(store).update(MODULE, {KEYS[0]: entry()})

    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(BaselineError, match=rf"{folder} cannot be read: .*Permission denied"):
        store.entries(MODULE)
