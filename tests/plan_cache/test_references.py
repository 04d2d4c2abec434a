"""References on disk: kept whole, verified, never before their time removed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_trtperf.engine.identity import EngineIdentity, digest_with
from pytest_trtperf.engine.options import checked_options
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import CacheError
from pytest_trtperf.plan_cache.reference import describe
from pytest_trtperf.plan_cache.references import LEAST_AGE_S, References
from pytest_trtperf.plan_cache.trust import Damaged

DAY_S = 86400.0
NOW = 1_800_000_000.0


@pytest.fixture
def references(tmp_path):
    return References(tmp_path / "cache" / "references", clock=lambda: NOW)


def files_of(path):
    return [path, *sorted(path.parent.glob("weights/*"))]


def model(tmp_path, content=b"model", **options):
    """A model with a file of weights, loaded as it is."""
    folder = tmp_path / "models"
    (folder / "weights").mkdir(parents=True, exist_ok=True)
    (folder / "m.onnx").write_bytes(content)
    (folder / "weights" / "w.bin").write_bytes(b"weights of " + content)
    checked = checked_options(options)
    profiles = parse_profiles({"x": ("1x8", "2x8", "4x8")})
    spec = EngineSpec(folder / "m.onnx", profiles, checked, files_of=files_of)
    about = spec.describe("fake", "1", None)
    digest = digest_with(about.key, spec.load_options)
    return describe(
        "fake", digest, digest, plan=None, given=spec, about=about, options=checked, kept="now"
    )


def plan(tmp_path, content=b"plan", runtime_cache=None, **options):
    """A plan that a user gave."""
    path = tmp_path / "m.plan"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    checked = checked_options(options)
    return describe(
        "fake", digest_with(sha256, checked), sha256, plan=path, given=path,
        about=EngineIdentity(), options=checked, kept="now", runtime_cache=runtime_cache,
    )  # fmt: skip


def test_a_model_is_kept_with_its_weights_and_found_again(tmp_path, references):
    one = model(tmp_path)
    references.keep(one)
    # An exporter rewrites the files in place.
    for path in files_of(tmp_path / "models" / "m.onnx"):
        path.write_bytes(b"other")
    found = references.open(one.reference.key, files_of)
    assert found.plan is None
    assert found.spec.onnx.read_bytes() == b"model"
    assert found.spec.onnx.is_relative_to(references.directory)
    assert (found.spec.onnx.parent / "weights" / "w.bin").read_bytes() == b"weights of model"
    assert found.spec.profiles == parse_profiles({"x": ("1x8", "2x8", "4x8")})
    assert found.reference == one.reference


def test_a_plan_is_kept_with_its_kernels_and_libraries(tmp_path, references):
    library = tmp_path / "ours.so"
    library.write_bytes(b"code")
    one = plan(tmp_path, runtime_cache=b"kernels", plugins=[str(library)], DLA_core=1)
    references.keep(one)
    library.write_bytes(b"other code")
    found = references.open(one.reference.key)
    assert (found.plan, found.spec, found.runtime_cache) == (b"plan", None, b"kernels")
    (kept,) = found.options["plugins"]
    assert Path(kept).read_bytes() == b"code"
    assert found.options["DLA_core"] == 1


def test_nothing_is_found_where_nothing_is_kept(tmp_path, references):
    assert references.open("0" * 64) is None
    assert references.entries() == []


def test_files_are_private_and_no_links(tmp_path, references):
    one = model(tmp_path)
    references.keep(one)
    copies = [path for path in references.path(one.reference.key).rglob("*") if path.is_file()]
    assert len(copies) == 3
    assert {path.stat().st_mode & 0o777 for path in copies} == {0o600}
    assert {path.stat().st_nlink for path in copies} == {1}


def test_what_changed_since_it_was_built_is_not_kept(tmp_path, references):
    one = model(tmp_path)
    (tmp_path / "models" / "weights" / "w.bin").write_bytes(b"rewritten")
    with pytest.raises(Damaged, match="has a model that does not match its digest"):
        references.keep(one)
    assert references.entries() == []
    assert [path.name for path in references.directory.iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("model/m.onnx", "has a model that does not match its digest"),
        ("model/weights/w.bin", "has a model that does not match its digest"),
        ("reference.json", "has a broken reference.json: "),
    ],
)
def test_a_damaged_model_is_not_used_and_kept_anew(tmp_path, references, name, reason):
    one = model(tmp_path)
    references.keep(one)
    (references.path(one.reference.key) / name).write_bytes(b"damage")
    with pytest.raises(Damaged, match=reason):
        references.open(one.reference.key, files_of)
    references.keep(one)
    assert references.open(one.reference.key, files_of)


@pytest.mark.parametrize("gone", ["model/weights/w.bin", "reference.json"])
def test_a_reference_with_a_missing_file_is_damaged_or_none(tmp_path, references, gone):
    one = model(tmp_path)
    references.keep(one)
    (references.path(one.reference.key) / gone).unlink()
    if gone == "reference.json":
        assert references.open(one.reference.key) is None
    else:
        with pytest.raises(Damaged, match=r"has no w\.bin any more"):
            references.open(one.reference.key)


def test_a_damaged_plan_or_its_kernels_are_not_used(tmp_path, references):
    one = plan(tmp_path, runtime_cache=b"kernels")
    references.keep(one)
    folder = references.path(one.reference.key)
    (folder / "engine.runtime").write_bytes(b"kernels")
    with pytest.raises(Damaged, match="does not match its checksum"):
        references.open(one.reference.key)
    (folder / "engine.plan").write_bytes(b"another plan")
    with pytest.raises(Damaged, match="has a plan that does not match its SHA-256"):
        references.open(one.reference.key)


def change(folder, **values):
    path = folder / "reference.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            {"options": {"weight_streaming_budget_mib": 1}},
            "does not match the digest of its engine",
        ),
        ({"engine": "0" * 64}, "has the reference.json of another engine"),
        ({"model": ["../../../outside"]}, "names a file outside of its directory"),
        ({"model": ["/etc/passwd"]}, "names a file outside of its directory"),
        ({"layout": "trtperf-reference/9"}, "has a broken reference.json"),
        ({"options": {"no_such": 1}}, "cannot be used: unknown build option"),
    ],
)
def test_metadata_is_not_trusted(tmp_path, references, values, reason):
    one = model(tmp_path)
    references.keep(one)
    change(references.path(one.reference.key), **values)
    with pytest.raises(Damaged, match=reason):
        references.open(one.reference.key)


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path, references):
    one = model(tmp_path)
    references.keep(one)
    copy = references.path(one.reference.key) / "model" / "m.onnx"
    copy.unlink()
    copy.symlink_to(tmp_path / "models" / "m.onnx")
    with pytest.raises(Damaged, match=r"has a m\.onnx that is a link"):
        references.open(one.reference.key)


def test_a_directory_that_others_may_write_to_is_refused(tmp_path, references):
    one = model(tmp_path)
    references.keep(one)
    references.directory.chmod(0o777)
    with pytest.raises(CacheError, match="other users may write"):
        references.open(one.reference.key)
    shared = References(references.directory, shared=True)
    assert shared.open(one.reference.key)


def age(references, one, days):
    then = NOW - days * DAY_S
    for path in (
        references.directory / f"{one.reference.key}.lock",
        references.path(one.reference.key) / "reference.json",
    ):
        os.utime(path, (then, then))


def test_beyond_the_limit_the_least_recently_used_go_after_60_days(tmp_path, references):
    old, older, new = (plan(tmp_path, bytes([n]) * 1000) for n in range(3))
    for n, one in enumerate((old, older)):
        (tmp_path / "m.plan").write_bytes(bytes([n]) * 1000)
        references.keep(one)
    age(references, old, 61)
    age(references, older, 62)
    (tmp_path / "m.plan").write_bytes(bytes([2]) * 1000)
    limit = sum(entry.size for entry in references.entries()) + 100
    limited = References(references.directory, limit=limit, clock=lambda: NOW)
    limited.keep(new)
    kept = {entry.key for entry in limited.entries()}
    assert kept == {old.reference.key, new.reference.key}


def test_what_was_used_in_60_days_stays_and_what_does_not_fit_is_not_kept(tmp_path, references):
    first = plan(tmp_path, b"1" * 1000)
    references.keep(first)
    age(references, first, LEAST_AGE_S / DAY_S - 1)
    limited = References(references.directory, limit=2000, clock=lambda: NOW)
    with pytest.raises(CacheError, match=r"raise --trtperf-reference-size"):
        limited.keep(plan(tmp_path, b"2" * 1500))
    assert [entry.key for entry in references.entries()] == [first.reference.key]


def test_use_is_recorded(tmp_path, references):
    one = plan(tmp_path)
    references.keep(one)
    for use in (references.touch, references.open):
        age(references, one, 10)
        use(one.reference.key)
        assert references.entries()[0].used == NOW


def test_what_another_process_uses_is_not_removed(tmp_path, references):
    one = plan(tmp_path)
    references.keep(one)
    references.open(one.reference.key)
    assert not References(references.directory).remove(one.reference.key)
    references.close()
    other = References(references.directory)
    assert other.remove(one.reference.key)
    assert list(references.directory.iterdir()) == []


def test_keeping_waits_for_nobody_who_measures(tmp_path, references):
    one = plan(tmp_path)
    references.keep(one)
    references.open(one.reference.key)
    References(references.directory).keep(one)
    assert references.path(one.reference.key).is_dir()


def test_what_a_killed_writer_left_is_swept(tmp_path, references):
    one = plan(tmp_path)
    references.keep(one)
    left = references.directory / f".{'a' * 64}.0123.tmp"
    left.mkdir()
    (left / "half").write_bytes(b"half")
    other = references.directory / ".mine.tmp"
    other.mkdir()
    assert references.sweep() == [left.name]
    assert other.exists()


def test_a_writer_at_work_is_left_alone(tmp_path, references):
    key = "b" * 64
    code = (
        "import sys, time; from pathlib import Path\n"
        "from pytest_trtperf.plan_cache.references import References\n"
        "with References(Path(sys.argv[1]))._locked(sys.argv[2]) as free:\n"
        "    print(free, flush=True); sys.stdin.read()"
    )
    references.keep(plan(tmp_path))
    folder = references.directory / f".{key}.0123.tmp"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", code, str(references.directory), key],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as writer:  # fmt: skip
        assert writer.stdin
        assert writer.stdout
        assert writer.stdout.readline() == "True\n"
        assert references.sweep() == []
        writer.stdin.close()
    assert references.sweep() == [folder.name]


def test_a_read_only_copy_serves(tmp_path, references):
    one = model(tmp_path)
    references.keep(one)
    (references.directory / f"{one.reference.key}.lock").unlink()
    references.directory.chmod(0o500)
    try:
        assert References(references.directory).open(one.reference.key)
    finally:
        references.directory.chmod(0o700)


def test_a_model_that_is_gone_is_not_kept(tmp_path, references):
    one = model(tmp_path)
    (tmp_path / "models" / "weights" / "w.bin").unlink()
    with pytest.raises(Damaged, match=r"has a file that cannot be read: .*w\.bin"):
        references.keep(one)


def test_a_model_with_files_elsewhere_is_not_kept(tmp_path):
    spec = EngineSpec(
        tmp_path / "models" / "m.onnx", files_of=lambda path: [path, tmp_path / "elsewhere.bin"]
    )
    with pytest.raises(Damaged, match="has a file outside of its model's directory"):
        describe(
            "fake", "d", "d", plan=None, given=spec, about=EngineIdentity(), options={}, kept=""
        )
