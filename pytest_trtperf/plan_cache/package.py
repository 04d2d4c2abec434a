"""A package: engines of a cache in one file, for another machine.

It begins with the line `trtperf-cache/1 BYTES SIGNATURE`: how long the manifest is that follows,
and its HMAC-SHA256 by a key that both machines have, or `unsigned`. The manifest is JSON with size
and SHA-256 of each file, and then the files come one after the other. Nothing in it is believed
before the signature is verified, and no file is used before its digest is.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TypeAlias

import msgspec

from pytest_trtperf.errors import CacheError
from pytest_trtperf.files.atomic import PendingFile, remove_leftovers
from pytest_trtperf.plan_cache.trust import Damaged
from pytest_trtperf.text import in_brief

MAGIC = "trtperf-cache/1"
UNSIGNED = "unsigned"

_LONGEST_LINE, _LONGEST_MANIFEST = 200, 64 << 20
_BLOCK = 1 << 20
_LEAST_KEY = 32

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
OpenByName: TypeAlias = Callable[[str], BinaryIO]


class PackedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of an entry.

    Attributes:
        name: of an engine its suffix, of a reference where it is in its folder.
        size: in bytes.
    """

    name: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: Sha256


class PackedEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An engine or a reference, by its key in the cache."""

    kind: Literal["engine", "reference"]
    key: Sha256
    files: list[PackedFile]


class _Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    entries: list[PackedEntry]


class Changed(Exception):
    """A file is not what it was when its digest was made; the text says which."""


def read_key(path: Path) -> bytes:
    """The key in a file, without the end of its line.

    Raises:
        CacheError: it cannot be read, others can read it, or it is too short.
    """
    try:
        with path.open("rb") as file:
            status, key = os.fstat(file.fileno()), file.read(_BLOCK).strip()
    except OSError as error:
        raise CacheError(f"{path}: this key cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise CacheError(f"{path}: a key is a regular file")
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o077:
        raise CacheError(
            f"{path}: others can read or replace this key, and so sign what runs here: own it, and "
            "run chmod 600 on it"
        )
    if len(key) < _LEAST_KEY:
        raise CacheError(
            f"{path}: a key has {_LEAST_KEY} bytes or more: openssl rand -hex 32 makes one"
        )
    return key


def digest_of(name: str, file: BinaryIO) -> PackedFile:
    """What a manifest says of an open file, which is read to its end."""
    digest, size = hashlib.sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return PackedFile(name=name, size=size, sha256=digest.hexdigest())


def write_package(
    path: Path, entries: Sequence[tuple[PackedEntry, OpenByName]], key: bytes | None
) -> None:
    """Writes a package whole or not at all, for this user alone (0600).

    Args:
        entries: each with what opens its files by name.
        key: None leaves it unsigned.

    Raises:
        Changed: a file is no longer what its entry says.
        OSError: it cannot be written.
    """
    manifest = msgspec.json.encode(_Manifest(entries=[entry for entry, _ in entries]))
    head = f"{MAGIC} {len(manifest)} {_signature(manifest, key) if key else UNSIGNED}\n"
    remove_leftovers(path)
    pending = PendingFile(path, mode=0o600)
    try:
        pending.file.write(head.encode() + manifest)
        for entry, open_file in entries:
            for one in entry.files:
                with _opened(open_file, entry, one) as file:
                    if _copied(file.read, pending.file, one) != (0, one.sha256):
                        raise Changed(f"{entry.key}: {one.name}")
        pending.finish(sync=True)
        pending.publish()
    finally:
        pending.discard()


class Package:
    """An open package, whose files are read in their order.

    Attributes:
        path: where it is.
        is_signed: whether its signature was verified.
        entries: what it has.
    """

    def __init__(
        self, path: Path, file: BinaryIO, key: bytes | None, *, trusts_unsigned: bool
    ) -> None:
        self.path, self._file = path, file
        size, signature = self._read_line()
        manifest = self._read(size)
        if len(manifest) < size:
            raise self._cut("its manifest")
        self.is_signed = self._verify(manifest, signature, key, trusts_unsigned=trusts_unsigned)
        try:
            self.entries = msgspec.json.decode(manifest, type=_Manifest).entries
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise CacheError(f"{path}: its manifest is broken: {in_brief(error)}") from None

    def take(self, one: PackedFile, target: BinaryIO | None) -> None:
        """Copies the next file.

        Args:
            target: None leaves it out.

        Raises:
            CacheError: the package is cut off, or the file is not what the manifest says.
            OSError: it cannot be read, or the copy cannot be written.
        """
        lacking, digest = _copied(self._read, target, one)
        if lacking:
            raise self._cut(f"{one.name}, which lacks {lacking} bytes")
        if digest != one.sha256:
            raise CacheError(
                f"{self.path}: {one.name} is not what the manifest says: the package was changed "
                "or damaged; export it again"
            )

    def check_end(self) -> None:
        """Refuses bytes that no entry has.

        Raises:
            CacheError: there are some.
        """
        if self._read(1):
            raise CacheError(f"{self.path}: goes on after its last file; export it again")

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise CacheError(f"{self.path}: cannot be read: {error.strerror}") from error

    def _read_line(self) -> tuple[int, str]:
        try:
            line = self._file.readline(_LONGEST_LINE)
        except OSError as error:
            raise CacheError(f"{self.path}: cannot be read: {error.strerror}") from error
        words = line.decode("ascii", "replace").removesuffix("\n").split(" ")
        if words[0].partition("/")[0] != MAGIC.partition("/")[0]:
            raise CacheError(f"{self.path}: no package of trtperf cache export")
        if words[0] != MAGIC:
            raise CacheError(
                f"{self.path}: {words[0]} is of another version of pytest-trtperf, and this one "
                f"reads {MAGIC}: export it again"
            )
        if not line.endswith(b"\n") or len(words) != 3 or not words[1].isdecimal():
            raise self._cut("its first line")
        size = int(words[1])
        if size > _LONGEST_MANIFEST:
            raise CacheError(f"{self.path}: its manifest would have {size} bytes: it is broken")
        return size, words[2]

    def _verify(
        self, manifest: bytes, signature: str, key: bytes | None, *, trusts_unsigned: bool
    ) -> bool:
        if key is not None and signature != UNSIGNED:
            if not hmac.compare_digest(signature.encode(), _signature(manifest, key).encode()):
                raise CacheError(
                    f"{self.path}: its signature is not by this key: it was changed, or signed "
                    "with another one"
                )
            return True
        if not trusts_unsigned:
            what = "it is not signed" if signature == UNSIGNED else "there is no key to verify it"
            raise CacheError(
                f"{self.path}: {what}, and plans are code: name the key's file with "
                "TRTPERF_CACHE_KEY_FILE here and where it is exported, or trust whoever wrote it "
                "with --trust-unsigned"
            )
        return False

    def _cut(self, what: str) -> CacheError:
        return CacheError(
            f"{self.path}: cut off in {what}: copy it again, or export it again; what came before "
            "is in the cache"
        )


@contextmanager
def open_package(path: Path, key: bytes | None, *, trusts_unsigned: bool) -> Iterator[Package]:
    """Opens a package, whose signature is verified.

    Args:
        key: None where none is known.
        trusts_unsigned: take one whose signature nobody can verify. A wrong one is always refused.

    Raises:
        CacheError: it cannot be read, is none, or is not to be trusted.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise CacheError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        yield Package(path, file, key, trusts_unsigned=trusts_unsigned)


def _signature(manifest: bytes, key: bytes) -> str:
    # The layout is signed as well, so that no other one can be made of the same bytes.
    return hmac.new(key, f"{MAGIC}\n".encode() + manifest, hashlib.sha256).hexdigest()


def _opened(open_file: OpenByName, entry: PackedEntry, one: PackedFile) -> BinaryIO:
    try:
        return open_file(one.name)
    except (FileNotFoundError, Damaged):
        raise Changed(f"{entry.key}: {one.name}") from None


def _copied(
    read: Callable[[int], bytes], target: BinaryIO | None, one: PackedFile
) -> tuple[int, str]:
    """Copies as many bytes as the file has; how many are lacking, and the SHA-256 of the others."""
    digest, left = hashlib.sha256(), one.size
    while left and (block := read(min(left, _BLOCK))):
        digest.update(block)
        left -= len(block)
        if target is not None:
            target.write(block)
    return left, digest.hexdigest()
