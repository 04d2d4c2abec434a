"""What an engine is built from: a model, profiles and options, and the digest of all of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import UNSET

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.engine.options import (
    FILE_OPTIONS,
    OPTIONS,
    checked_options,
    without_defaults,
)
from pytest_trtperf.engine.shapes import Profile
from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.files.digests import chunked_file_digest
from pytest_trtperf.onnx_file.external_data import external_files

PLAN_SUFFIXES = (".engine", ".plan", ".trt")
"""Suffixes of plans, which a user may give in the place of an ONNX file."""

# Variables of the CUDA libraries: this one allows or forbids TF32, whatever a build asks for.
_OVERRIDES = ("NVIDIA_TF32_OVERRIDE",)


def is_plan(path: Path) -> bool:
    """Whether the path's suffix is that of a plan, in upper or lower case."""
    return path.suffix.lower() in PLAN_SUFFIXES


@dataclass(frozen=True)
class EngineSpec:
    """An ONNX file with the profiles and options that an engine is built from.

    Attributes:
        onnx: The model; external data is looked up beside it.
        profiles: Optimization profiles, each one range of shapes per tensor, as `parse_profiles`
            returns them.
        options: Build options, see `options.OPTIONS`, and ``precision``. An absent one keeps
            TensorRT's own default.
        configure: Called with the builder configuration once all options are set. The option
            ``configure_key`` has to come with it, since nothing else shows when the code changes.
        build_index: Distinguishes several builds from the same model and options.

    Raises:
        ValueError: an option is unknown or its value does not fit; the message lists the known.
    """

    onnx: Path
    profiles: Sequence[Mapping[str, Profile]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    configure: Callable[[Any], object] | None = None
    build_index: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "onnx", Path(self.onnx))
        profiles = tuple(MappingProxyType(dict(profile)) for profile in self.profiles)
        object.__setattr__(self, "profiles", profiles)
        object.__setattr__(self, "options", checked_options(self.options))
        if self.configure is not None and not callable(self.configure):
            raise ValueError(
                f"configure={self.configure!r}: it takes a function of the builder configuration"
            )
        if (self.configure is None) != ("configure_key" not in self.options):
            raise ValueError(
                "configure= and configure_key= go together: the key is your text for the engine "
                "cache; change it whenever you change what configure does"
            )
        if self.optimization_profile >= max(len(profiles), 1):
            raise ValueError(
                f"optimization_profile={self.optimization_profile}: shapes= has "
                f"{len(profiles)} profile(s), counted from 0"
            )

    @property
    def optimization_profile(self) -> int:
        """The index of the profile that sessions use."""
        return int(self.options.get("optimization_profile", 0))

    @property
    def profile(self) -> Mapping[str, Profile]:
        """The profile that sessions use; empty where there is none."""
        return self.profiles[self.optimization_profile] if self.profiles else {}

    @property
    def load_options(self) -> dict[str, Any]:
        """The options that matter only when the plan is loaded, without defaults."""
        return {n: v for n, v in self._changes.items() if OPTIONS[n].kind == "load"}

    @property
    def _changes(self) -> dict[str, Any]:
        return without_defaults(self.options)

    @cached_property
    def model_digest(self) -> str:
        """Of the ONNX file and its external data, which are read once; in hex.

        SHA-256 over the digests of the files' parts (`digests`), so no ``sha256sum`` of a file.

        Raises:
            EngineBuildError: the model or its external data is missing, broken or unreadable.
        """
        digest = hashlib.sha256()
        for path in (self.onnx, *external_files(self.onnx)):
            digest.update(_file_digest(path).encode())
        return digest.hexdigest()

    def describe(self, backend: str, backend_version: str, device: str | None) -> EngineIdentity:
        """Everything the plan depends on, and no path.

        Args:
            device: None is the CPU.

        Raises:
            EngineBuildError: as `model_digest`, and for other files that options name.
        """
        overrides = {}
        if device is not None:
            overrides = {name: os.environ[name] for name in _OVERRIDES if name in os.environ}
        return EngineIdentity(
            onnx=self.onnx.name,
            model=self.model_digest,
            backend=backend,
            backend_version=backend_version,
            device=device,
            options=without_paths(
                {n: v for n, v in self._changes.items() if OPTIONS[n].kind != "load"}
            ),
            profiles=[
                {name: [list(p.min), list(p.opt), list(p.max)] for name, p in profile.items()}
                for profile in self.profiles
            ],
            build_index=self.build_index,
            environment=overrides or UNSET,
        )


def without_paths(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with a digest of the content in place of each path.

    Raises:
        EngineBuildError: there is no such file, or it cannot be read.
    """
    found = dict(options)
    for name in FILE_OPTIONS:
        value = found.get(name)
        if isinstance(value, list):
            found[name] = [_named_digest(name, path) for path in value]
        elif isinstance(value, str):
            found[name] = _named_digest(name, value)
    return found


def digest_with(digest: str, load_options: Mapping[str, Any]) -> str:
    """The digest of a plan, or another one where it is loaded with options.

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
    return _file_digest(Path(path))


def _file_digest(path: Path) -> str:
    """A digest of fixed length per file, so that bytes cannot move from one file to the next."""
    try:
        return chunked_file_digest(path)
    except OSError as error:
        raise EngineBuildError(f"{path}: cannot be read: {error.strerror or error}") from error
