"""What an engine is built from and for, as JSON can hold it, and the key that follows from it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from pytest_trtperf.engine.options import FILE_OPTIONS
from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.files.digests import chunked_file_digest

# Part of every key: a new layout of the description must not find plans of an older one.
_LAYOUT = "trtperf-engine/2"


NEW_FILE = "new"
"""The digest of a timing cache that does not exist yet."""


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
        """SHA-256 (hex) of all but the file's name: a repository that moves keeps its plans.

        Raises:
            TypeError, ValueError: JSON cannot hold a value.
        """
        described = {"layout": _LAYOUT, **msgspec.to_builtins(self)}
        del described["onnx"]
        text = json.dumps(described, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an engine that was loaded from its model, without a plan.

    Attributes:
        about: what it was made from and for.
    """

    about: EngineIdentity


class GivenFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a plan that a user gave.

    Attributes:
        plan: its name.
    """

    plan: str


class GivenPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a plan that a user gave in the place of a model.

    Attributes:
        plan_sha256: of the plan, hexadecimal; ``sha256`` in JSON.
        size: of the plan, in bytes.
        about: its file; what it was built from is not known.
    """

    plan_sha256: str = msgspec.field(name="sha256")
    size: int
    about: GivenFile


def without_paths(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with a digest of the content in place of each path.

    A timing cache that is not there will be made by the build, and has `NEW_FILE` for a digest.

    Raises:
        EngineBuildError: there is no such file, or it cannot be read.
    """
    found = dict(options)
    for name in FILE_OPTIONS:
        value = found.get(name)
        if name == "timing_cache" and isinstance(value, str) and not os.path.lexists(value):
            found[name] = NEW_FILE
            continue
        if isinstance(value, list):
            found[name] = [_named_digest(name, path) for path in value]
        elif isinstance(value, str):
            found[name] = _named_digest(name, value)
    return found


def digest_with(digest: str, load_options: Mapping[str, Any]) -> str:
    """The digest of an engine: that of its plan, or another one if it is loaded with options.

    Raises:
        EngineBuildError: as `without_paths`.
    """
    if not load_options:
        return digest
    described = json.dumps(without_paths(load_options), sort_keys=True)
    return hashlib.sha256(f"{digest} {described}".encode()).hexdigest()


def _named_digest(option: str, path: str) -> str:
    if not Path(path).is_file():
        raise EngineBuildError(
            f"build option {option}: there is no file {path}; paths are relative to the working "
            "directory or to pytest's rootdir"
        )
    try:
        return chunked_file_digest(Path(path))
    except OSError as error:
        raise EngineBuildError(f"{path}: cannot be read: {error.strerror or error}") from error
