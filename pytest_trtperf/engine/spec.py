"""What an engine is built from: a model, profiles and options, and the digest of all of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec import UNSET

from pytest_trtperf.engine.identity import EngineIdentity, without_paths
from pytest_trtperf.engine.options import (
    OPTIONS,
    checked_options,
    without_defaults,
)
from pytest_trtperf.engine.shapes import Profile
from pytest_trtperf.onnx_file.external_data import files_digest, model_files

PLAN_SUFFIXES = (".engine", ".plan", ".trt")
"""Suffixes of plans, which a user may give in the place of an ONNX file."""

# Variables of the CUDA libraries: this one allows or forbids TF32, whatever a build asks for.
_OVERRIDES = ("NVIDIA_TF32_OVERRIDE",)


def is_plan(path: Path) -> bool:
    """Whether the path's suffix is that of a plan, in upper or lower case."""
    return path.suffix.lower() in PLAN_SUFFIXES


FilesOf: TypeAlias = "Callable[[Path], Sequence[Path]]"
DigestOf: TypeAlias = "Callable[[Path, FilesOf], str]"


def _read_digest(onnx: Path, files_of: FilesOf) -> str:
    return files_digest(files_of(onnx))


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
        files_of: The files that the model consists of; their bytes identify it.
        digest_of: Finds the digest of a model and its files without reading them, where it can.

    Raises:
        ValueError: an option is unknown or its value does not fit; the message lists the known.
    """

    onnx: Path
    profiles: Sequence[Mapping[str, Profile]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    configure: Callable[[Any], object] | None = None
    build_index: int = 0
    files_of: FilesOf = field(default=model_files, compare=False)
    digest_of: DigestOf = field(default=_read_digest, compare=False)

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
        """See `onnx_file.external_data.files_digest`; the files are read once."""
        return self.digest_of(self.onnx, self.files_of)

    def describe(self, backend: str, backend_version: str, device: str | None) -> EngineIdentity:
        """Everything the plan depends on, and no path.

        Args:
            device: None is the CPU.

        Raises:
            EngineBuildError: as `model_digest`, and for other files that options name.
        """
        load_options = self.load_options
        built_in = {name: v for name, v in self._changes.items() if name not in load_options}
        overrides = {}
        if device is not None:
            overrides = {name: os.environ[name] for name in _OVERRIDES if name in os.environ}
        return EngineIdentity(
            onnx=self.onnx.name,
            model=self.model_digest,
            backend=backend,
            backend_version=backend_version,
            device=device,
            options=without_paths(built_in),
            profiles=[
                {name: [list(p.min), list(p.opt), list(p.max)] for name, p in profile.items()}
                for profile in self.profiles
            ],
            build_index=self.build_index,
            environment=overrides or UNSET,
        )
