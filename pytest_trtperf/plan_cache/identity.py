"""What a plan on disk is and what it was built from: the JSON file beside it, and comparisons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, Literal, TypeVar

import msgspec

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.files.digests import chunked_digest
from pytest_trtperf.plan_cache.files import IDENTITY, CacheFiles
from pytest_trtperf.plan_cache.trust import Damaged
from pytest_trtperf.text import in_brief

MAX_BYTES = 256 << 20
"""Of an identity: the layers of a large engine, with their tactics, are some megabytes."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an identity that says what the plan was built from; quick to read.

    Attributes:
        about: what it was built from and for.
    """

    layout: Literal["trtperf-plan/1"] = "trtperf-plan/1"
    about: EngineIdentity = EngineIdentity()


_Kind = TypeVar("_Kind", bound=Origin)


class PlanIdentity(Origin, frozen=True, kw_only=True):
    """What a plan on disk is.

    Attributes:
        plan_sha256: of the plan, hexadecimal; ``sha256`` in the file.
        checksum: of the plan too, by `chunked_digest`, which is quicker to verify.
        size: of the plan, in bytes.
        created: when it was built, in UTC.
        build_s: how long that took, in seconds.
        host: that it was built on; None where an older version built it.
        why: it was built: how it differs from what was cached.
        layers: the engine inspector's entries, with tactics where the engine was built to show
            them; None until an inspector was asked.
        bindings: the names of inputs and outputs; absent until then, and in older files.
    """

    plan_sha256: str = msgspec.field(name="sha256")
    checksum: str
    size: int
    created: str
    build_s: float
    host: str | None = None
    why: str = ""
    layers: list[dict[str, Any]] | None = None
    bindings: list[str] | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of_plan(
        cls,
        plan: bytes,
        build_s: float,
        about: EngineIdentity,
        why: str = "",
        host: str | None = None,
    ) -> PlanIdentity:
        """The identity of a plan that was built just now."""
        return cls(
            plan_sha256=hashlib.sha256(plan).hexdigest(),
            checksum=chunked_digest(plan),
            size=len(plan),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            build_s=build_s,
            host=host,
            about=about,
            why=why,
        )

    def to_builtins(self) -> dict[str, Any]:
        """The identity as its file has it; the layers are not copied."""
        fields = msgspec.to_builtins(msgspec.structs.replace(self, layers=None))
        if self.host is None:
            del fields["host"]
        return {**fields, "layers": self.layers}

    def encode(self) -> bytes:
        """Readable JSON, which `decode` reads.

        Raises:
            TypeError, ValueError: `about` or `layers` hold what JSON cannot.
        """
        return encode_json(self.to_builtins())


def decode(data: bytes, kind: type[_Kind]) -> _Kind:
    """The identity that `PlanIdentity.encode` wrote, or the part of it that is asked for.

    Raises:
        ValueError: the file is broken, or was written by another version of this package.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(in_brief(error)) from None


def encode_json(value: object) -> bytes:
    """Readable JSON, sorted, that ends with a line.

    Raises:
        TypeError, ValueError: JSON cannot hold the value.
    """
    return (json.dumps(value, sort_keys=True, indent=2, allow_nan=False) + "\n").encode()


def read_identity(files: CacheFiles, key: str) -> PlanIdentity:
    """The identity beside the plan of a key.

    Raises:
        Damaged: it is missing, broken or not to be trusted.
    """
    return _read(files, key, PlanIdentity)


def _read(files: CacheFiles, key: str, kind: type[_Kind]) -> _Kind:
    name = files.path(key, IDENTITY).name
    try:
        with files.open(key, IDENTITY) as file:
            return decode(file.read(MAX_BYTES), kind)
    except FileNotFoundError:
        raise Damaged(f"has no {name} with its checksum") from None
    except Damaged as reason:
        raise Damaged(f"has a {name} that {reason}") from reason.__cause__
    except OSError as error:
        raise Damaged(f"has a {name} that cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Damaged(f"has a broken {name}: {error}") from error


def explain_build(files: CacheFiles, about: EngineIdentity) -> str:
    """Why no plan here fits: what is different in the nearest one of the same model."""
    try:
        same = [other for other in _origins(files) if other.model == about.model]
    except OSError as error:
        return f"the cache cannot be read ({error.strerror})"
    if not same:
        return "no engine of this model was cached"
    differences = (_differences(about, other) for other in same)
    nearest: list[str] = min(differences, key=len)
    if not nearest:
        return "the engine in the cache is damaged, or another version of pytest-trtperf built it"
    return f"the nearest in the cache differs in {', '.join(nearest)}"


def _origins(files: CacheFiles) -> Iterator[EngineIdentity]:
    for key in files.list_keys(IDENTITY):
        with suppress(Damaged):
            yield _read(files, key, Origin).about


def _differences(about: EngineIdentity, other: EngineIdentity) -> list[str]:
    here, there = msgspec.to_builtins(about), msgspec.to_builtins(other)
    return [
        f"{name} ({difference(here.get(name), there.get(name))})"
        for name in {**here, **there}
        # The model's file may have any name.
        if name != "onnx" and here.get(name) != there.get(name)
    ]


def difference(here: object, there: object) -> str:
    """What the other has, and what is here; of mappings only the items that are not the same."""
    ours, theirs = _items(here), _items(there)
    if not ours and not theirs:
        return _described(there)
    return ", ".join(
        f"{name} {_described(theirs.get(name))}, here {_described(ours.get(name))}"
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    )


def _items(value: object) -> dict[str, Any]:
    """The items of a mapping, or of all profiles by name and number; otherwise nothing."""
    if isinstance(value, Mapping):
        return dict(value)
    profiles = value if isinstance(value, (list, tuple)) else ()
    return {
        f"{name} of profile {number}" if len(profiles) > 1 else name: shapes
        for number, profile in enumerate(profiles)
        for name, shapes in _items(profile).items()
    }


def _described(value: object) -> str:
    if value in (None, ""):
        return "not given"
    return value if isinstance(value, str) else json.dumps(value)
