"""What an engine is built from: shapes, options and the digest that names the result."""

from __future__ import annotations

import hashlib
import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, SupportsIndex, TypeAlias

from pytest_trtperf.engine.onnx_external import external_files
from pytest_trtperf.errors import EngineBuildError, ShapeError

ShapeLike: TypeAlias = "str | Sequence[int]"
Shape = tuple[int, ...]

_CHUNK_BYTES = 1 << 20
_LARGEST_DIM = 2**63 - 1
# Part of every digest, so that a change of its layout cannot hit plans of an older one.
_DIGEST_LAYOUT = "trtperf-engine/1"


def parse_shape(shape: ShapeLike) -> Shape:
    """``"1x3x224x224"`` or ``(1, 3, 224, 224)`` as a tuple; ``""`` and ``()`` are scalars.

    Raises:
        ShapeError: the text is no shape, or a dimension is no whole number of at least 1.
    """
    if isinstance(shape, str):
        return _shape_from_text(shape)
    try:
        dims = tuple(_whole(dim) for dim in shape)
    except TypeError:
        raise ShapeError(f"{shape!r} is not a shape: {_SHAPE_HINT}") from None
    if not all(0 < dim <= _LARGEST_DIM for dim in dims):
        raise ShapeError(f"{shape!r} is not a shape: every dimension is 1 or more")
    return dims


_SHAPE_HINT = "write it like '1x3x224x224' or (1, 3, 224, 224)"


def _shape_from_text(text: str) -> Shape:
    stripped = text.strip()
    if not stripped:
        return ()
    # Eighteen digits fit any dimension TensorRT can hold and keep int() cheap.
    if not re.fullmatch(r"[0-9]{1,18}(x[0-9]{1,18})*", stripped):
        raise ShapeError(f"{text!r} is not a shape: {_SHAPE_HINT}")
    dims = tuple(int(dim) for dim in stripped.split("x"))
    if 0 in dims:
        raise ShapeError(f"{text!r} is not a shape: every dimension is 1 or more")
    return dims


def _whole(value: SupportsIndex) -> int:
    if isinstance(value, bool):
        raise TypeError("a truth value is no dimension")
    return operator.index(value)


@dataclass(frozen=True)
class Profile:
    """The range of shapes of one tensor; ``min <= opt <= max`` in every dimension.

    Raises:
        ShapeError: the ranks differ, or a dimension is out of order.
    """

    min: Shape
    opt: Shape
    max: Shape

    def __post_init__(self) -> None:
        if not len(self.min) == len(self.opt) == len(self.max):
            raise ShapeError(f"min, opt and max differ in rank: {self}")
        for axis, (low, best, high) in enumerate(zip(self.min, self.opt, self.max, strict=True)):
            if not low <= best <= high:
                raise ShapeError(f"min <= opt <= max does not hold in dimension {axis}: {self}")

    def __str__(self) -> str:
        shapes = (self.min,) if self.min == self.max else (self.min, self.opt, self.max)
        return ", ".join(format_shape(shape) for shape in shapes)


def format_shape(shape: Sequence[int | None]) -> str:
    """``(None, 3)`` as ``"?x3"``; a scalar is ``"scalar"``."""
    return "x".join("?" if dim is None else str(dim) for dim in shape) or "scalar"


def parse_profiles(
    shapes: Mapping[str, ShapeLike | Sequence[ShapeLike]] | None,
) -> dict[str, Profile]:
    """What a user writes for ``shapes=`` as one profile per tensor.

    One shape stands for min, opt and max; three shapes are min, opt and max in this order.

    Raises:
        ShapeError: naming the tensor whose shapes cannot be read.
    """
    profiles: dict[str, Profile] = {}
    for name, value in (shapes or {}).items():
        try:
            profiles[name] = _parse_profile(value)
        except ShapeError as error:
            raise ShapeError(f"shapes of tensor {name!r}: {error}") from None
    return profiles


def _parse_profile(value: Any) -> Profile:
    nested = isinstance(value, (tuple, list)) and any(
        isinstance(item, (str, Sequence)) for item in value
    )
    shapes = [parse_shape(shape) for shape in value] if nested else [parse_shape(value)] * 3
    if len(shapes) != 3:
        raise ShapeError(f"give one shape, or three (min, opt, max), not {len(shapes)}: {value!r}")
    return Profile(*shapes)


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of an engine; ``None`` is a dynamic dimension, ``dtype`` numpy's name."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.name!r} {self.dtype} {format_shape(self.shape)}"


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def _int_between(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return check


def _positive(value: object) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < float(value) < math.inf:  # type: ignore[arg-type]
        raise ValueError("a number above 0")
    return float(value)  # type: ignore[arg-type]


_OPTIONS: Mapping[str, Callable[[object], bool | int | float]] = {
    "builder_optimization_level": _int_between(0, 5),
    "workspace_mib": _positive,
    "max_aux_streams": _int_between(0, 1024),
    "tf32": _flag,
    "fp16": _flag,
    "bf16": _flag,
    "int8": _flag,
}


def _checked_options(options: Mapping[str, Any]) -> Mapping[str, bool | int | float]:
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise ValueError(
            f"unknown build option {', '.join(map(repr, unknown))}; known are {', '.join(_OPTIONS)}"
        )
    checked: dict[str, bool | int | float] = {}
    for name in sorted(options):
        try:
            checked[name] = _OPTIONS[name](options[name])
        except ValueError as wanted:
            raise ValueError(f"build option {name}={options[name]!r}: it takes {wanted}") from None
    return MappingProxyType(checked)


@dataclass(frozen=True)
class EngineSpec:
    """An ONNX file with the profiles and options an engine is built from.

    Attributes:
        onnx: The model; external data is looked up beside it.
        profiles: One range of shapes per tensor, as `parse_profiles` returns them.
        options: ``builder_optimization_level`` (0 to 5), ``workspace_mib`` (MiB),
            ``max_aux_streams``, ``tf32``, and ``fp16``, ``bf16``, ``int8`` where the backend has
            the flag. What is absent keeps TensorRT's own default.

    Raises:
        ValueError: an option is unknown or its value does not fit; the message lists the known.
    """

    onnx: Path
    profiles: Mapping[str, Profile]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "onnx", Path(self.onnx))
        object.__setattr__(self, "profiles", MappingProxyType(dict(self.profiles)))
        object.__setattr__(self, "options", _checked_options(self.options))

    def digest(self, backend: str, backend_version: str, device: str | None) -> str:
        """SHA-256 (hex) of everything the plan depends on, and of no path.

        The bytes of the ONNX file and of its external data are streamed into the hash, together
        with profiles, options, backend, its version and the device, so a repository that moved
        finds its plans again.

        Raises:
            EngineBuildError: the model or its external data is missing, broken or unreadable.
        """
        described = {
            "layout": _DIGEST_LAYOUT,
            "backend": backend,
            "backend_version": backend_version,
            "device": device,
            "options": dict(self.options),
            "profiles": {
                name: [profile.min, profile.opt, profile.max]
                for name, profile in self.profiles.items()
            },
        }
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
        for path in (self.onnx, *external_files(self.onnx)):
            digest.update(_file_digest(path))
        return digest.hexdigest()


def _file_digest(path: Path) -> bytes:
    """A digest of fixed length per file, so that bytes cannot move from one file to the next."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise EngineBuildError(f"{path}: cannot be read: {error.strerror}") from error
    return digest.digest()
