"""What a plan on disk is and what it was built from: the JSON file beside it."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from typing import Any, Literal, TypeVar

import msgspec

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.files.digests import chunked_digest

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
        why: it was built: how it differs from what was cached.
        layers: the engine inspector's entries, with tactics where the engine was built to show
            them; None until an inspector was asked.
    """

    plan_sha256: str = msgspec.field(name="sha256")
    checksum: str
    size: int
    created: str
    build_s: float
    why: str = ""
    layers: list[dict[str, Any]] | None = None

    @classmethod
    def of_plan(
        cls, plan: bytes, build_s: float, about: EngineIdentity, why: str = ""
    ) -> PlanIdentity:
        """The identity of a plan that was built just now."""
        return cls(
            plan_sha256=hashlib.sha256(plan).hexdigest(),
            checksum=chunked_digest(plan),
            size=len(plan),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            build_s=build_s,
            about=about,
            why=why,
        )

    def to_builtins(self) -> dict[str, Any]:
        """The identity as its file has it; the layers are not copied."""
        fields = msgspec.to_builtins(msgspec.structs.replace(self, layers=None))
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
        raise ValueError(str(error)) from None


def encode_json(value: object) -> bytes:
    """Readable JSON, sorted, that ends with a line.

    Raises:
        TypeError, ValueError: JSON cannot hold the value.
    """
    return (json.dumps(value, sort_keys=True, indent=2, allow_nan=False) + "\n").encode()
