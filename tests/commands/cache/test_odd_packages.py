"""`trtperf cache import` of packages that are cut, odd or none: named, and nothing by halves."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.cache.cached import Run, key
from tests.commands.cache.transferred import SECRET, imported, leftovers


def written(
    path: Path, entries: list[dict[str, Any]], files: bytes, secret: bytes = SECRET
) -> None:
    """A package by hand, signed."""
    manifest = json.dumps({"entries": entries}).encode()
    signature = hmac.new(secret, b"trtperf-cache/1\n" + manifest, "sha256").hexdigest()
    path.write_bytes(f"trtperf-cache/1 {len(manifest)} {signature}\n".encode() + manifest + files)


def packed(name: str, data: bytes = b"x") -> dict[str, Any]:
    return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


@pytest.mark.usefixtures("signed", "filled")
@pytest.mark.parametrize("share", [0, 0.00001, 0.0002, 0.3, 0.99])
def test_a_cut_file_is_named_and_leaves_no_half_entry(
    run: Run, package: Path, there: Path, share: float
) -> None:
    run("export", str(package))
    data = package.read_bytes()
    package.write_bytes(data[: int(len(data) * share)])
    status, _, err = run("import", str(package), "--cache-dir", str(there))
    assert status == 2
    assert "cut off in " in err if share else "no package of trtperf cache export" in err
    engines, references = imported(there)
    assert set(engines.values()) <= {None}
    assert (len(engines) < 3 or not references, leftovers(there)) == (True, [])


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no package of trtperf cache export"),
        (b"\x80\x04 pickle", "no package of trtperf cache export"),
        (b"trtperf-cache/2 3 unsigned\nabc", "trtperf-cache/2 is of another version"),
        (b"trtperf-cache/1 99999999999 unsigned\n", "it is broken"),
        (b"trtperf-cache/1 -1 unsigned\n", "cut off in its first line"),
    ],
)
def test_other_files_are_refused(
    run: Run, package: Path, there: Path, content: bytes, words: str
) -> None:
    package.write_bytes(content)
    status, _, err = run("import", str(package), "--cache-dir", str(there), "--trust-unsigned")
    assert (status, words in err) == (2, True), err


@pytest.mark.usefixtures("signed", "directory")
@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            {"kind": "engine", "key": key("a"), "files": [packed("/../../x.plan")]},
            "has other files than an engine has: '/../../x.plan'",
        ),
        (
            {"kind": "engine", "key": key("a"), "files": [packed(".plan"), packed(".plan")]},
            "has other files than an engine has",
        ),
        (
            {"kind": "engine", "key": key("a"), "files": [packed(".plan"), packed(".json")]},
            "has a broken identity",
        ),
        ({"kind": "engine", "key": "../" + "a" * 61, "files": []}, "its manifest is broken"),
        ({"kind": "other", "key": key("a"), "files": []}, "its manifest is broken"),
        *(
            (
                {"kind": "reference", "key": key("a"), "files": [packed(name)]},
                "names a file outside of its directory",
            )
            for name in ("../x", "/etc/x", "model/../../x", "")
        ),
        ({"kind": "reference", "key": key("a"), "files": [packed("model/x")]}, "has no reference"),
        (
            {"kind": "reference", "key": key("a"), "files": [packed("reference.json")]},
            "has a broken reference.json",
        ),
    ],
)
def test_odd_entries_are_refused_even_if_they_are_signed(
    run: Run, package: Path, there: Path, tmp_path: Path, entry: dict[str, Any], words: str
) -> None:
    written(package, [entry], b"x" * len(entry["files"]))
    before = {path for path in tmp_path.rglob("*") if there not in path.parents}
    status, _, err = run("import", str(package), "--cache-dir", str(there))
    assert (status, words in err) == (2, True), err
    assert imported(there) == ({}, {})
    assert {path for path in tmp_path.rglob("*") if there not in path.parents} - {there} == before
    assert leftovers(there) == []


@pytest.mark.usefixtures("signed", "filled")
def test_a_reference_has_no_other_files(run: Run, package: Path, there: Path) -> None:
    run("export", str(package))
    head, _, _ = package.read_bytes().partition(b"\n")
    size = int(head.split()[1])
    data = package.read_bytes()[len(head) + 1 :]
    entry = json.loads(data[:size])["entries"][-1]
    kept = sum(one["size"] for one in entry["files"])
    entry["files"].append(packed("plugins/evil.so"))
    written(package, [entry], data[-kept:] + b"x")
    status, _, err = run("import", str(package), "--cache-dir", str(there))
    assert (status, "none of a reference, 'plugins/evil.so'" in err) == (2, True)
    assert imported(there) == ({}, {})


@pytest.mark.usefixtures("signed", "filled")
def test_bytes_after_the_end_are_an_error(run: Run, package: Path, there: Path) -> None:
    run("export", str(package))
    with package.open("ab") as file:
        file.write(b"more")
    status, _, err = run("import", str(package), "--cache-dir", str(there))
    assert (status, "goes on after its last file" in err) == (2, True)
