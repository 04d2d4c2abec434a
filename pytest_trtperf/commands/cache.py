"""`trtperf cache`: lists, verifies and removes the engines in the cache.

Needs neither a GPU nor TensorRT, and never deserialises an engine.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from pytest_trtperf.commands import cache_references, cache_transfer
from pytest_trtperf.commands.cache_references import references_of
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_cache_options,
    add_command,
    add_group,
    note,
    parsed,
    say,
    say_json,
)
from pytest_trtperf.commands.printed import total_size
from pytest_trtperf.commands.this_machine import Fit, ThisMachine
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.errors import CacheError
from pytest_trtperf.options.values import parse_age, parse_size
from pytest_trtperf.plan_cache.entries import Entry, chosen_key, entries, find_problem
from pytest_trtperf.plan_cache.files import PLAN, CacheFiles, explained
from pytest_trtperf.plan_cache.identity import PlanIdentity, read_identity
from pytest_trtperf.plan_cache.model_digests import remove_digests, remove_stale
from pytest_trtperf.plan_cache.place import cache_place
from pytest_trtperf.plan_cache.references import ReferenceEntry
from pytest_trtperf.plan_cache.size import Removal, remove, remove_leftovers, shrink
from pytest_trtperf.plan_cache.trust import Damaged, check_directory
from pytest_trtperf.report.tables import aligned
from pytest_trtperf.run.revision import DIRECTORY as REVISIONS
from pytest_trtperf.run.revision import sweep as sweep_revisions
from pytest_trtperf.utc import utc_text

Act = Callable[[argparse.Namespace, CacheFiles], ExitStatus]

_SHORT_KEY = 12
_COLUMNS = ("key", "model", "built by", "for", "size", "last used", "here")


def add(commands: Parsers) -> None:
    """Adds `cache` and its actions."""
    actions = add_group(
        commands,
        "cache",
        help="list, verify and remove built engines",
        description="Lists, verifies and removes built engines; needs neither a GPU nor TensorRT.",
    )
    _add_action(
        actions, "list", _list,
        help="list the engines, least recently used first, and whether this machine can use them",
        example="  trtperf cache list --json",
        details="An engine for another GPU or version is listed, but never used here. References "
        "are the engines that baselines were recorded with.",
    )  # fmt: skip
    show = _add_action(
        actions, "show", _show,
        help="show an engine: its checksums, model, build options, target GPU and layers",
        example="  trtperf cache show 3f2a9c",
    )  # fmt: skip
    show.add_argument("key", metavar="KEY", help="the engine's key, or the first characters of it")
    verify = _add_action(
        actions, "verify", _verify,
        help="verify the checksum, owner and permissions of engines",
        example="  trtperf cache verify",
        details="Exits with 1 if an engine is bad. A bad engine is never used: it is built again.",
    )  # fmt: skip
    verify.add_argument("keys", metavar="KEY", nargs="*", help="only these engines (default: all)")
    prune = _add_action(
        actions, "prune", _prune,
        help="remove leftovers of killed processes and failed builds, digests of models that are "
        "gone and, on request, old engines",
        example="  trtperf cache prune --size 10GiB --older-than 30d",
        details="Engines in use are kept. Exits with 1 if one was.",
    )  # fmt: skip
    prune.add_argument(
        "--size", type=parsed(parse_size), default=math.inf,
        help="remove least recently used engines until the rest fits into this size, such as 10GiB",
    )  # fmt: skip
    prune.add_argument(
        "--older-than", type=parsed(parse_age), metavar="AGE",
        help="remove engines not used for this long, such as 30d or 12h; of references those that "
        "were not used for 60 days as well",
    )  # fmt: skip
    clear = _add_action(
        actions, "clear", _clear,
        help="remove all engines and digests of models, without confirmation",
        example="  trtperf cache clear --cache-dir /var/cache/engines",
        details="Engines in use are kept. Exits with 1 if one was.",
    )  # fmt: skip
    clear.add_argument(
        "--references", action="store_true",
        help="remove references, too: the engines that baselines were recorded with",
    )  # fmt: skip
    cache_transfer.add_actions(partial(_add_action, actions))


def _add_action(actions: Parsers, name: str, act: Act, **texts: str) -> argparse.ArgumentParser:
    parser = add_command(actions, name, partial(_run, act), **texts)
    add_cache_options(parser)
    return parser


def _run(act: Act, arguments: argparse.Namespace) -> ExitStatus:
    directory, shared = cache_place(arguments.cache_dir, arguments.shared_cache)
    files = CacheFiles(directory, shared=shared)
    if not files.directory.exists() and act is not cache_transfer.import_entries:
        note(f"note: there is no engine cache at {files.directory}")
    with explained(files.directory):
        return act(arguments, files)


def _list(arguments: argparse.Namespace, files: CacheFiles) -> ExitStatus:
    found = entries(files)
    machine = ThisMachine()
    identities = [_identity(files, entry.key) for entry in found]
    fits = [machine.fits(identity) for identity in identities]
    listed = list(zip(found, identities, fits, strict=True))
    if arguments.json:
        say_json({
            "directory": str(files.directory),
            "engines": [
                {**_summary(files, entry, identity), "here": fit.here, "why": fit.why}
                for entry, identity, fit in listed
            ],
            "references": cache_references.summaries(references_of(files)),
        })  # fmt: skip
        return ExitStatus.OK
    rows = [_row(*one) for one in listed]
    say(*aligned([_COLUMNS, *rows], left=range(len(_COLUMNS))))
    say(f"engines in {files.directory}: {len(found)}, {total_size(entry.size for entry in found)}")
    say(*cache_references.listed(references_of(files)))
    return ExitStatus.OK


def _identity(files: CacheFiles, key: str) -> PlanIdentity | None:
    """None if it is missing or damaged; `find_problem` says why."""
    try:
        return read_identity(files, key)
    except Damaged:
        return None


def _row(entry: Entry, identity: PlanIdentity | None, fit: Fit) -> tuple[str, ...]:
    about = identity.about if identity else EngineIdentity()
    built_by = f"{about.backend or '?'} {about.backend_version}".strip()
    here = "?" if fit.here is None else "yes" if fit.here else "no"
    return (
        entry.key[:_SHORT_KEY],
        about.onnx or "?",
        built_by,
        about.device or "?",
        total_size([entry.size]),
        utc_text(entry.used),
        f"{here}: {fit.why}" if fit.why else here,
    )


def _summary(files: CacheFiles, entry: Entry, identity: PlanIdentity | None) -> dict[str, Any]:
    known = identity.to_builtins() if identity else None
    if known is not None:
        known["layers"] = None if known["layers"] is None else len(known["layers"])
    return {
        "key": entry.key,
        "path": str(files.path(entry.key, PLAN)),
        "size": entry.size,
        "last_used": utc_text(entry.used),
        "identity": known,
    }


def _show(arguments: argparse.Namespace, files: CacheFiles) -> ExitStatus:
    (entry,) = _chosen(files, [arguments.key])
    identity = _identity(files, entry.key)
    if identity is None:
        raise CacheError(f"{entry.key}: {find_problem(files, entry.key)}")
    known = identity.to_builtins()
    if arguments.json:
        say_json({**_summary(files, entry, identity), "identity": known})
        return ExitStatus.OK
    about, layers = known.pop("about"), known.pop("layers")
    path, used = files.path(entry.key, PLAN), utc_text(entry.used)
    known["built because"] = known.pop("why")
    shown = {"key": entry.key, "path": path, "last used": used, **known, **about}
    say(*(f"{name}: {value}" for name, value in shown.items()))
    say("layers: not known" if layers is None else f"layers: {len(layers)}")
    say(*(f"  {_layer(layer)}" for layer in layers or ()))
    return ExitStatus.OK


def _layer(layer: Mapping[str, Any]) -> str:
    tactic = layer.get("TacticName") or layer.get("TacticValue")
    return f"{layer.get('Name')}: {tactic}" if tactic else str(layer.get("Name"))


def _verify(arguments: argparse.Namespace, files: CacheFiles) -> ExitStatus:
    chosen = _chosen(files, arguments.keys) if arguments.keys else entries(files)
    if chosen and not files.shared:
        check_directory(files.directory)
    problems = {entry.key: _problem(files, entry.key) for entry in chosen}
    bad = {key: problem for key, problem in problems.items() if problem}
    references = 0
    if not arguments.keys:
        references, damaged = cache_references.verify(references_of(files))
        bad |= damaged
    if arguments.json:
        say_json({"verified": len(chosen) + references, "bad": bad})
    else:
        say(*(f"{key}: {problem}" for key, problem in bad.items()))
        also = f", references: {references}" if references else ""
        say(f"engines verified: {len(chosen)}{also}, bad: {len(bad)}")
    return ExitStatus.FOUND if bad else ExitStatus.OK


def _problem(files: CacheFiles, key: str) -> str | None:
    problem = find_problem(files, key)
    if problem:
        # While its writer renames files a plan looks damaged. A read-only cache has no writer.
        with suppress(OSError), files.locked_now(key) as nobody_writes:
            return find_problem(files, key) if nobody_writes else None
    return problem


def _prune(arguments: argparse.Namespace, files: CacheFiles) -> ExitStatus:
    removal, references = Removal(), references_of(files)
    old: list[ReferenceEntry] = []
    if arguments.older_than is not None:
        old = cache_references.remove_old(references, arguments.older_than)
        latest = time.time() - arguments.older_than
        removal = remove(files, [entry for entry in entries(files) if entry.used < latest])
    by_size = shrink(files, arguments.size)
    removal.removed += by_size.removed
    removal.kept |= by_size.kept
    leftovers = [*remove_leftovers(files), *references.sweep()]
    leftovers += sweep_revisions(files.directory / REVISIONS)
    leftovers += remove_stale(files.directory)
    return _report_removal(arguments, removal, leftovers, old)


def _clear(arguments: argparse.Namespace, files: CacheFiles) -> ExitStatus:
    removal, references = remove(files, entries(files)), references_of(files)
    gone: list[ReferenceEntry] = []
    if arguments.references:
        gone, kept = cache_references.remove_all(references)
        removal.kept |= kept
    elif left := len(references.entries()):
        note(f"note: {left} references stay; --references removes them as well")
    leftovers = [*remove_leftovers(files), *references.sweep(), *remove_digests(files.directory)]
    return _report_removal(arguments, removal, leftovers, gone)


def _report_removal(
    arguments: argparse.Namespace,
    removal: Removal,
    leftovers: Sequence[str],
    references: Sequence[ReferenceEntry],
) -> ExitStatus:
    removed = [entry.key for entry in removal.removed]
    freed = sum(one.size for one in removal.removed) + sum(one.size for one in references)
    if arguments.json:
        say_json({
            "removed": removed,
            "references": [entry.key for entry in references],
            "freed": freed,
            "kept": removal.kept,
            "leftovers": list(leftovers),
        })  # fmt: skip
    else:
        say(*(f"removed {key}" for key in removed), *(f"removed {name}" for name in leftovers))
        say(*(f"kept {key}: {reason}" for key, reason in removal.kept.items()))
        say(*(f"removed reference {entry.key}" for entry in references))
        also = f", references: {len(references)}" if references else ""
        say(f"engines removed: {len(removed)}{also}, {total_size([freed])}")
    return ExitStatus.FOUND if removal.kept else ExitStatus.OK


def _chosen(files: CacheFiles, wanted: Sequence[str]) -> list[Entry]:
    """The entries whose key is, or begins with, a wanted one.

    Raises:
        CacheError: a wanted key matches no entry, or several.
    """
    found = {one.key: one for one in entries(files)}
    return [found[chosen_key(name, found, "engine")] for name in wanted]
