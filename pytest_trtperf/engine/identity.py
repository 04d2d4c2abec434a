"""What a cached engine is and what it was built from: the JSON file beside its plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Literal

import msgspec

from pytest_trtperf.engine.digests import chunked_digest

MAX_BYTES = 256 << 20
"""Of an identity: the layers of a large engine, with their tactics, are some megabytes."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """An engine's identity.

    Attributes:
        sha256: of the plan, hexadecimal.
        checksum: of the plan too, by `chunked_digest`, which is quicker to verify.
        size: of the plan, in bytes.
        created: when it was built, in UTC.
        build_s: how long that took, in seconds.
        about: what it was built from and for: model and its digest, profiles, options, backend
            and version, device.
        why: it was built: how it differs from what was cached.
        layers: the engine inspector's entries, with tactics where the engine was built to tell
            them; None until an inspector was asked.
    """

    layout: Literal["trtperf-plan/1"] = "trtperf-plan/1"
    sha256: str
    checksum: str
    size: int
    created: str
    build_s: float
    about: dict[str, Any] = {}
    why: str = ""
    layers: list[dict[str, Any]] | None = None

    @classmethod
    def of_plan(
        cls, plan: bytes, build_s: float, about: Mapping[str, Any], why: str = ""
    ) -> Identity:
        """The identity of a plan that was built just now."""
        return cls(
            sha256=hashlib.sha256(plan).hexdigest(),
            checksum=chunked_digest(plan),
            size=len(plan),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            build_s=build_s,
            about=dict(about),
            why=why,
        )

    @classmethod
    def decode(cls, data: bytes) -> Identity:
        """The inverse of `encode`.

        Raises:
            ValueError: the file is broken, or was written by another version of this package.
        """
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise ValueError(str(error)) from None

    def encode(self) -> bytes:
        """Readable JSON.

        Raises:
            TypeError, ValueError: `about` or `layers` hold what JSON cannot.
        """
        return encode_json(msgspec.structs.asdict(self))


def encode_json(value: object) -> bytes:
    """Readable JSON, sorted, that ends with a line.

    Raises:
        TypeError, ValueError: JSON cannot hold the value.
    """
    return (json.dumps(value, sort_keys=True, indent=2, allow_nan=False) + "\n").encode()
