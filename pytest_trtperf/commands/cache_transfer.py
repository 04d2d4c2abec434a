"""`trtperf cache export` and `import`: engines travel to another machine, signed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from pytest_trtperf.commands.cache_references import references_of
from pytest_trtperf.commands.common import ExitStatus, note, parsed, say, say_json
from pytest_trtperf.commands.printed import total_size
from pytest_trtperf.errors import CacheError
from pytest_trtperf.files.atomic import naming
from pytest_trtperf.options.values import parse_path
from pytest_trtperf.plan_cache.entries import chosen_key, entries
from pytest_trtperf.plan_cache.files import CacheFiles
from pytest_trtperf.plan_cache.package import (
    Changed,
    OpenByName,
    PackedEntry,
    open_package,
    read_key,
    write_package,
)
from pytest_trtperf.plan_cache.transfer import import_entry, packed_engine, packed_reference
from pytest_trtperf.plan_cache.trust import Damaged, check_directory
from pytest_trtperf.text import counted

KEY_FILE = "TRTPERF_CACHE_KEY_FILE"
"""The variable that names the file of the key."""

AddAction = Callable[..., argparse.ArgumentParser]

_EXPORT = """\
Engines that the cache would not load are left out; exits with 1 then. The file is signed with the
key in the file that TRTPERF_CACHE_KEY_FILE names; without one it is unsigned. It is readable for
you alone, and has your models' weights.
"""
_IMPORT = """\
A plan is code: a file whose signature is not verified is refused. All digests are verified before
an engine is in its place. What is there already stays.
"""


def add_actions(add_action: AddAction) -> None:
    """Adds both commands."""
    export = add_action(
        "export", export_entries,
        help="write engines and references to a file, for the cache of another machine",
        example="  TRTPERF_CACHE_KEY_FILE=~/cache.key trtperf cache export engines.trtperf",
        details=_EXPORT,
    )  # fmt: skip
    export.add_argument("file", metavar="FILE", type=Path, help="replaced if it is there")
    export.add_argument(
        "keys", metavar="KEY", nargs="*",
        help="only these engines and references (default: all); the first characters will do",
    )  # fmt: skip
    importing = add_action(
        "import", import_entries,
        help="put engines and references of a file into the cache",
        example="  TRTPERF_CACHE_KEY_FILE=~/cache.key trtperf cache import engines.trtperf",
        details=_IMPORT,
    )  # fmt: skip
    importing.add_argument("file", metavar="FILE", type=Path, help="of trtperf cache export")
    importing.add_argument(
        "--trust-unsigned", action="store_true",
        help="take a file whose signature cannot be verified; whoever wrote it decides what runs",
    )  # fmt: skip
    for parser in (export, importing):
        parser.add_argument(
            "--key-file", type=parsed(parse_path), metavar="FILE",
            help=f"the key of the signature (default: that of {KEY_FILE})",
        )  # fmt: skip


def _key(arguments: argparse.Namespace) -> bytes | None:
    named = arguments.key_file or os.environ.get(KEY_FILE)
    return read_key(Path(named).expanduser()) if named else None


def export_entries(arguments: argparse.Namespace, files: CacheFiles) -> ExitStatus:
    """Writes the file.

    Raises:
        CacheError: there is nothing to export, or no such engine; the key is unusable, or an engine
            changed meanwhile.
    """
    key = _key(arguments)
    packed, bad = _packed(files, arguments.keys)
    if not (packed or bad):
        raise CacheError(
            f"{files.directory} has no engine and no reference, so there is nothing to export; "
            "--cache-dir names another cache"
        )
    if key is None:
        note(f"note: the file is not signed, since no key is given: see {KEY_FILE}")
    try:
        with naming(arguments.file):
            write_package(arguments.file, packed, key)
    except Changed as what:
        raise CacheError(f"{what} changed while it was exported: export again") from None
    except OSError as error:
        raise CacheError(f"{arguments.file}: cannot be written: {error.strerror}") from error
    size = sum(one.size for entry, _ in packed for one in entry.files)
    if arguments.json:
        exported = {f"{kind}s": _keys(packed, kind) for kind in ("engine", "reference")}
        say_json({**exported, "left_out": bad, "size": size, "signed": key is not None})
    else:
        say(*(f"left out {name}: {problem}" for name, problem in bad.items()))
        engines, references = (_keys(packed, kind) for kind in ("engine", "reference"))
        say(
            f"exported: {counted(len(engines), 'engine')}, "
            f"{counted(len(references), 'reference')}, {total_size([size])}, "
            f"{'signed' if key else 'NOT SIGNED'}"
        )
    return ExitStatus.FOUND if bad else ExitStatus.OK


def _packed(
    files: CacheFiles, wanted: list[str]
) -> tuple[list[tuple[PackedEntry, OpenByName]], dict[str, str]]:
    """What is exported, and by key why others are not."""
    references = references_of(files)
    there = [(one.key, packed_engine, files) for one in entries(files)]
    there += [(one.key, packed_reference, references) for one in references.entries()]  # type: ignore[misc]
    keys = [key for key, *_ in there]
    chosen = {chosen_key(name, keys, "engine or reference") for name in wanted} or keys
    if there and not files.shared:
        check_directory(files.directory)
    packed, bad = [], {}
    for key, pack, where in there:
        if key in chosen:
            try:
                packed.append(pack(where, key))
            except (Damaged, FileNotFoundError) as problem:
                bad[key] = str(problem)
    return packed, bad


def _keys(packed: list[tuple[PackedEntry, OpenByName]], kind: str) -> list[str]:
    return [entry.key for entry, _ in packed if entry.kind == kind]


def import_entries(arguments: argparse.Namespace, files: CacheFiles) -> ExitStatus:
    """Puts what the file has into the cache.

    Raises:
        CacheError: the file is not to be trusted, cut off or changed, or the cache is unusable.
    """
    references, key = references_of(files), _key(arguments)
    found: dict[bool, list[str]] = {True: [], False: []}
    with open_package(arguments.file, key, trusts_unsigned=arguments.trust_unsigned) as package:
        files.prepare()
        for entry in package.entries:
            found[import_entry(package, entry, files, references)].append(entry.key)
        package.check_end()
        is_signed = package.is_signed
    if arguments.json:
        say_json({"imported": found[True], "there_already": found[False], "signed": is_signed})
    else:
        say(*(f"imported {name}" for name in found[True]))
        say(
            f"imported: {len(found[True])}, there already: {len(found[False])}, "
            f"{'signature verified' if is_signed else 'SIGNATURE NOT VERIFIED'}"
        )
    return ExitStatus.OK
