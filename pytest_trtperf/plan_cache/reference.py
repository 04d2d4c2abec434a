"""An engine that is kept, to be measured again: what its files are, and whether they are whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import msgspec

from pytest_trtperf.engine.identity import EngineIdentity, digest_with
from pytest_trtperf.engine.options import without_defaults
from pytest_trtperf.engine.shapes import Profile
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.files.digests import chunked_file_digest
from pytest_trtperf.onnx_file.external_data import files_digest, model_files
from pytest_trtperf.plan_cache.entries import read_checked
from pytest_trtperf.plan_cache.files import explain
from pytest_trtperf.plan_cache.identity import MAX_BYTES, encode_json
from pytest_trtperf.plan_cache.trust import Damaged, open_cached

METADATA, PLAN, RUNTIME_CACHE = "reference.json", "engine.plan", "engine.runtime"
MODEL, PLUGINS = "model", "plugins"

# Of options that only a build takes: a function, and a file that the plan does not need.
_NOT_KEPT = ("configure_key", "timing_cache")


def reference_key(backend: str, engine: str, plan_sha256: str) -> str:
    """What an engine is kept under: a SHA-256 of what a baseline knows of its engine.

    Args:
        engine: the engine's digest.
    """
    return hashlib.sha256("\n".join((backend, engine, plan_sha256)).encode()).hexdigest()


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an engine that is kept.

    Attributes:
        engine: its digest, as baselines and records have it.
        plan_sha256: of its plan, ``plan`` in the file; the digest where there is none.
        name: of the model's or the plan's file, for people.
        about: what it was built from and for; empty for a plan that a user gave.
        options: the build options that matter when it is loaded.
        has_plan: whether the file of a plan is kept.
        model: the files of the model, itself first, where it is loaded from them.
        plugins: files of libraries, as many as the option ``plugins`` names.
        kept: when, in UTC.
    """

    layout: Literal["trtperf-reference/1"] = "trtperf-reference/1"
    backend: str
    engine: str
    plan_sha256: str = msgspec.field(name="plan")
    name: str = ""
    about: EngineIdentity = EngineIdentity()
    options: dict[str, Any] = {}
    has_plan: bool = True
    model: list[str] = []
    plugins: list[str] = []
    kept: str = ""

    @property
    def key(self) -> str:
        """See `reference_key`."""
        return reference_key(self.backend, self.engine, self.plan_sha256)

    def encode(self) -> bytes:
        """The file with it."""
        return encode_json(msgspec.to_builtins(self))


@dataclass(frozen=True)
class ToKeep:
    """An engine to be kept, and where its files are now.

    Attributes:
        files: by their names among those that are kept.
        runtime_cache: RTX's; None where there is none.
    """

    reference: Reference
    files: Mapping[str, Path]
    runtime_cache: bytes | None = None


def describe(
    backend: str,
    engine: str,
    plan_sha256: str,
    *,
    plan: Path | None,
    given: Path | EngineSpec,
    about: EngineIdentity,
    options: Mapping[str, Any],
    kept: str,
    runtime_cache: bytes | None = None,
) -> ToKeep:
    """What is to be kept of an engine.

    Args:
        plan: its file; None where the model itself is loaded.
        given: what the engine was made of: a spec, or the plan that a user gave.
        options: all that the test gave.
        kept: the time, in UTC.

    Raises:
        Damaged: a file of the model lies where a copy cannot lie.
        EngineBuildError: the model cannot be read any more.
    """
    taken = {name: value for name, value in options.items() if name not in _NOT_KEPT}
    libraries = [Path(path) for path in taken.pop("plugins", ())]
    plugins = {f"{PLUGINS}/{place}-{path.name}": path for place, path in enumerate(libraries)}
    model: dict[str, Path] = {}
    if isinstance(given, EngineSpec) and (plan is None or taken.get("strip_plan")):
        for path in given.files_of(given.onnx):
            model[f"{MODEL}/{_place_beside(path, given.onnx)}"] = path
    files = {**plugins, **model} | ({} if plan is None else {PLAN: plan})
    name = (given.onnx if isinstance(given, EngineSpec) else given).name
    reference = Reference(
        backend=backend, engine=engine, plan_sha256=plan_sha256, name=name, about=about,
        options=taken, has_plan=plan is not None, model=list(model), plugins=list(plugins),
        kept=kept,
    )  # fmt: skip
    return ToKeep(reference, files, runtime_cache)


def _place_beside(path: Path, onnx: Path) -> Path:
    try:
        return path.relative_to(onnx.parent)
    except ValueError:
        raise Damaged(f"has a file outside of its model's directory, {path}") from None


@dataclass(frozen=True)
class OpenReference:
    """A reference whose files were verified.

    Attributes:
        plan: the very bytes that were verified; None where the model is loaded.
        spec: what is loaded, with the model that is kept; of a plan that a user gave, None.
        options: the build options, with the libraries that are kept.
        runtime_cache: RTX's; None where there is none.
    """

    reference: Reference
    directory: Path
    plan: bytes | None
    spec: EngineSpec | None
    options: Mapping[str, Any]
    runtime_cache: bytes | None


def open_reference(
    directory: Path, *, shared: bool, files_of: Callable[[Path], Sequence[Path]] = model_files
) -> OpenReference:
    """Reads and verifies what is kept in a directory.

    All digests follow from what the baseline has: none is taken from the directory on trust.

    Args:
        files_of: the files that a model consists of, by its backend.

    Raises:
        FileNotFoundError: nothing is kept there.
        Damaged: a file is not what was kept, or not to be trusted.
    """
    reference = read_reference(directory, shared=shared)
    for name in (*reference.model, *reference.plugins):
        check_name(name)
        _check_trusted(directory / name, shared=shared)
    plan = _read_plan(directory, reference, shared=shared) if reference.has_plan else None
    plugins = [str(directory / name) for name in reference.plugins]
    options = {**reference.options, **({"plugins": plugins} if plugins else {})}
    model = directory / reference.model[0] if reference.model else Path(reference.name)
    try:
        spec = _spec(reference, model, options, files_of)
        if _digest(reference, spec, options) != reference.engine:
            raise Damaged("does not match the digest of its engine")
        if reference.model and (
            files_digest([directory / name for name in reference.model]) != reference.about.model
        ):
            raise Damaged("has a model that does not match its digest")
        if spec is not None and plugins:
            found = [chunked_file_digest(Path(path)) for path in plugins]
            if found != reference.about.options.get("plugins"):
                raise Damaged("has plugin libraries that do not match their digests")
    except (EngineBuildError, ValueError, TypeError) as error:
        raise Damaged(f"cannot be used: {error}") from error
    except OSError as error:
        raise Damaged(f"cannot be read: {explain(error)}") from error
    kernels = read_checked(directory / RUNTIME_CACHE, shared=shared)
    return OpenReference(reference, directory, plan, spec, options, kernels)


def read_reference(directory: Path, *, shared: bool) -> Reference:
    """The metadata of what is kept in a directory.

    Raises:
        FileNotFoundError: nothing is kept there.
        Damaged: it is broken, of another version, or not to be trusted.
    """
    try:
        with open_cached(directory / METADATA, shared=shared) as file:
            reference = msgspec.json.decode(file.read(MAX_BYTES), type=Reference)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Damaged(f"has a broken {METADATA}: {error}") from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"has a {METADATA} that cannot be read: {error.strerror}") from error
    if reference.key != directory.name:
        raise Damaged(f"has the {METADATA} of another engine")
    return reference


def file_names(reference: Reference) -> list[str]:
    """The files that a reference may have in its folder; kernels are not always there."""
    plan = [PLAN] if reference.has_plan else []
    return [METADATA, *reference.model, *reference.plugins, *plan, RUNTIME_CACHE]


def _spec(
    reference: Reference,
    model: Path,
    options: Mapping[str, Any],
    files_of: Callable[[Path], Sequence[Path]],
) -> EngineSpec | None:
    about = reference.about
    if not about.model:
        return None
    profiles = [
        {name: Profile(*(tuple(shape) for shape in shapes)) for name, shapes in profile.items()}
        for profile in about.profiles
    ]
    return EngineSpec(model, profiles, options, build_index=about.build_index, files_of=files_of)


def _digest(reference: Reference, spec: EngineSpec | None, options: Mapping[str, Any]) -> str:
    if spec is None:
        return digest_with(reference.plan_sha256, without_defaults(options))
    return digest_with(reference.about.key, spec.load_options)


def _read_plan(directory: Path, reference: Reference, *, shared: bool) -> bytes:
    try:
        with open_cached(directory / PLAN, shared=shared) as file:
            plan = file.read()
    except FileNotFoundError:
        raise Damaged("has no plan any more") from None
    except OSError as error:
        raise Damaged(f"has a plan that cannot be read: {error.strerror}") from error
    if hashlib.sha256(plan).hexdigest() != reference.plan_sha256:
        raise Damaged("has a plan that does not match its SHA-256")
    return plan


def check_name(name: str) -> None:
    """Refuses names that lead out of the directory.

    Raises:
        Damaged: it does.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
        raise Damaged(f"names a file outside of its directory, {name!r}")


def _check_trusted(path: Path, *, shared: bool) -> None:
    try:
        open_cached(path, shared=shared).close()
    except FileNotFoundError:
        raise Damaged(f"has no {path.name} any more") from None
    except Damaged as reason:
        raise Damaged(f"has a {path.name} that {reason}") from reason.__cause__


def size_of(directory: Path) -> int:
    """The bytes of all files of a reference."""
    return sum(
        os.lstat(Path(folder) / name).st_size
        for folder, _, names in os.walk(directory)
        for name in names
    )
