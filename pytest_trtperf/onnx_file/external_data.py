"""The files that an ONNX model keeps its weights in: which they are, and whether to use them."""

from __future__ import annotations

import hashlib
import mmap
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.files.digests import chunked_file_digest
from pytest_trtperf.onnx_file.external_tensors import ExternalTensor, external_tensors
from pytest_trtperf.onnx_file.protobuf import Malformed

_MAX_BYTES = 2**31 - 1


@dataclass(frozen=True)
class _Part:
    """The bytes of a file that a tensor needs; the end is the offset if the length is unknown."""

    tensor: str
    location: str
    offset: int
    end: int


def model_files(path: Path) -> list[Path]:
    """The files that an ONNX model consists of, itself first.

    Raises:
        EngineBuildError: as `external_files`.
    """
    return [path, *external_files(path)]


def files_digest(files: Sequence[Path]) -> str:
    """The digest of the files of a model, hexadecimal.

    It is SHA-256 over the digests of all files (`chunked_file_digest`), so that no bytes can move
    from one file to the next. `sha256sum` of a file is another number.

    Raises:
        EngineBuildError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        try:
            digest.update(chunked_file_digest(path).encode())
        except OSError as error:
            reason = error.strerror or error
            raise EngineBuildError(f"{path}: cannot be read: {reason}") from error
    return digest.hexdigest()


def external_files(onnx: Path) -> list[Path]:
    """The files with a model's external data, each once, sorted by the location in the model.

    Raises:
        EngineBuildError: the model is missing, empty, truncated, above 2 GiB or not an ONNX model;
            or external data is missing, too short for a tensor, or outside the model's directory.
            The message names the file.
    """
    farthest: dict[str, _Part] = {}
    for tensor in tensors_elsewhere(onnx):
        part = _part(onnx, tensor)
        known = farthest.setdefault(part.location, part)
        if part.end > known.end:
            farthest[part.location] = part
    return [_checked_file(onnx, farthest[location]) for location in sorted(farthest)]


def tensors_elsewhere(onnx: Path) -> list[ExternalTensor]:
    """The tensors of a model whose data is in other files.

    Raises:
        EngineBuildError: the model is missing, empty, truncated, above 2 GiB or not an ONNX model.
    """
    try:
        with onnx.open("rb") as file:
            _check_size(onnx, onnx.stat().st_size)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return list(external_tensors(data))
    except FileNotFoundError:
        raise EngineBuildError(f"{onnx}: there is no such file") from None
    except IsADirectoryError:
        raise EngineBuildError(f"{onnx}: this is a directory, not an ONNX file") from None
    except OSError as error:
        raise EngineBuildError(f"{onnx}: cannot be read: {error.strerror}") from error
    except Malformed as error:
        raise EngineBuildError(
            f"{onnx}: not a complete ONNX model ({error}); is it truncated, or a Git LFS pointer?"
        ) from None


def _check_size(onnx: Path, size: int) -> None:
    if not size:
        raise EngineBuildError(f"{onnx}: the file is empty, not an ONNX model")
    if size > _MAX_BYTES:
        raise EngineBuildError(
            f"{onnx}: the file has {size / 2**30:.1f} GiB, and no parser reads a protobuf above "
            "2 GiB; keep the weights in a file beside it: "
            "onnx.save(model, path, save_as_external_data=True), or "
            "torch.onnx.export(…, external_data=True)"
        )


def _part(onnx: Path, tensor: ExternalTensor) -> _Part:
    location = tensor.entries.get("location", "")
    if not location or "\0" in location:
        raise EngineBuildError(f"{onnx}: {tensor.title} has external data, but names no file")
    numbers = [tensor.entries.get(key) or "0" for key in ("offset", "length")]
    if not all(number.isascii() and number.isdigit() and len(number) < 20 for number in numbers):
        raise EngineBuildError(
            f"{onnx}: {tensor.title} has a broken offset or length of its external data in "
            f"{location!r}: {', '.join(numbers)}"
        )
    offset, length = map(int, numbers)
    needed = tensor.size or 0
    # TensorRT and ONNX Runtime take a length of 0 as none.
    if 0 < length < needed:
        raise EngineBuildError(
            f"{onnx}: {tensor.title} needs {needed} bytes, and its external data in {location!r} "
            f"has a length of {length}; the file is broken, export or download it again"
        )
    # Path: "w.bin" and "./w.bin" are one file.
    return _Part(tensor.title, str(Path(location)), offset, offset + max(length, needed))


def _checked_file(onnx: Path, part: _Part) -> Path:
    relative = Path(part.location)
    if relative.is_absolute() or ".." in relative.parts:
        raise EngineBuildError(
            f"{onnx}: its external data {part.location!r} lies outside the model's directory, "
            "which is refused; save the model with its data beside it"
        )
    path = onnx.parent / relative
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise EngineBuildError(_missing(onnx, path, relative)) from None
    except OSError as error:
        raise EngineBuildError(
            f"{path}: external data of {onnx.name} cannot be read: {error.strerror}"
        ) from None
    if not stat.S_ISREG(status.st_mode):
        raise EngineBuildError(f"{path}: external data of {onnx.name} has to be a regular file")
    _check_links(onnx, path)
    if status.st_size < part.end:
        raise EngineBuildError(
            f"{path}: {part.tensor} of {onnx.name} needs {part.end - part.offset} bytes at offset "
            f"{part.offset}, which end at byte {part.end}, and the file has {status.st_size}; "
            "is it truncated, or a Git LFS pointer?"
        )
    return path


def _missing(onnx: Path, path: Path, relative: Path) -> str:
    link = f" (a link to {path.readlink()})" if path.is_symlink() else ""
    message = f"{path}{link}: this file with external data of {onnx.name} is missing"
    linked_model = onnx.resolve()
    if (linked_model.parent / relative).is_file():
        return f"{message}; it lies beside {linked_model}, which the model links to: name that file"
    return (
        f"{message}; was it copied, or fetched from Git LFS, git-annex or DVC, together with the "
        "model?"
    )


def _check_links(onnx: Path, path: Path) -> None:
    target = path.resolve()
    # Caches of models keep model and data in one store, and link both: data beside the real model
    # is beside the model.
    roots = (onnx.parent.resolve(), onnx.resolve().parent)
    if not any(target.is_relative_to(root) for root in roots):
        raise EngineBuildError(
            f"{path}: a link leads this external data of {onnx.name} out of the model's directory, "
            f"to {target}, which is refused; put a copy in place of the link: git annex unlock, "
            "dvc unprotect, or local_dir= of huggingface_hub"
        )
