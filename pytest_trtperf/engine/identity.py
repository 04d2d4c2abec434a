"""What an engine is built from and for, as JSON can hold it, and the key that follows from it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

# Part of every key: a new layout of the description must not find plans of an older one.
_LAYOUT = "trtperf-engine/2"


class EngineIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a plan depends on; of files their digests, and no path.

    Attributes:
        onnx: the model's file name, for people; the key does not depend on it.
        model: the digest of the ONNX file and its external data.
        backend: such as ``tensorrt-rtx``.
        backend_version: the backend's own.
        device: what the plan is for, such as ``NVIDIA H200 9.0``; None is the CPU.
        options: the build options that change the plan, with digests in place of paths.
        profiles: of each optimization profile, by tensor, its min, opt and max.
        build_index: distinguishes several builds of the same.
        environment: the variables that change what is built; absent where none is set.
    """

    onnx: str = ""
    model: str = ""
    backend: str = ""
    backend_version: str = ""
    device: str | None = None
    options: dict[str, Any] = {}
    profiles: list[dict[str, list[list[int]]]] = []
    build_index: int = 0
    environment: dict[str, str] | msgspec.UnsetType = msgspec.UNSET

    @property
    def key(self) -> str:
        """SHA-256 (hex) of all but the file's name: a repository that moves keeps its plans."""
        described = {"layout": _LAYOUT, **msgspec.to_builtins(self)}
        del described["onnx"]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
