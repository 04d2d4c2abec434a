"""The tree of a revision, written from git's objects: no hook, filter or network is involved."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from pytest_trtperf.files.git_command import GitError, git_environment, run_git

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_FILE, _PROGRAM, _LINK, _SUBMODULE = "100644", "100755", "120000", "160000"
_PIECE = 1 << 20


@dataclass
class Tree:
    """A tree that was written.

    Attributes:
        directory: its top.
        lacking: by path, why something of it is not there as it should be.
    """

    directory: Path
    lacking: dict[str, str] = field(default_factory=dict)

    def still_lacking(self) -> list[str]:
        """What is lacking now, a path and why each: files may have been made since."""
        return [
            f"{path} {why}"
            for path, why in sorted(self.lacking.items())
            if is_lfs_pointer(self.directory / path) or not os.path.lexists(self.directory / path)
        ]


def is_lfs_pointer(path: Path) -> bool:
    """Whether Git LFS has the content of a file, which is not here."""
    try:
        with path.open("rb") as file:
            return file.read(len(_LFS_POINTER)) == _LFS_POINTER
    except OSError:
        return False


def top_of(folder: Path) -> Path:
    """The top of the repository that has a folder.

    Raises:
        GitError: git is missing, or there is no repository.
    """
    return Path(os.fsdecode(run_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")))


def resolve_commit(folder: Path, revision: str) -> str:
    """The commit that a revision names, hexadecimal.

    Raises:
        GitError: git is missing, or there is no such commit here.
    """
    top_of(folder)
    try:
        found = run_git(
            folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"
        )
    except GitError as error:
        shallow = run_git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"
        hint = (
            "; this clone is shallow: fetch the history (git fetch --unshallow, or fetch-depth: 0 "
            "of actions/checkout)"
            if shallow
            else ""
        )
        raise GitError(f"there is no commit {revision!r} in {folder} ({error}){hint}") from None
    return found.split()[-1].decode()


def write_tree(folder: Path, commit: str, directory: Path) -> Tree:
    """Writes the files of a commit.

    Links are made last, so that nothing is written through one; a link out of the tree is left out.

    Args:
        folder: of the repository.
        directory: does not exist yet.

    Raises:
        GitError: git fails, or a path leads out of the tree.
        OSError: the directory cannot be written.
    """
    directory.mkdir(mode=0o700)
    tree, links = Tree(directory), []
    with _blobs(folder) as blobs:
        for mode, name, path in _listed(folder, commit):
            if mode == _SUBMODULE:
                tree.lacking[path] = "is a submodule"
                continue
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if mode == _LINK:
                links.append((target, blobs.read(name)))
            elif not blobs.write(name, target, 0o755 if mode == _PROGRAM else 0o644):
                tree.lacking[path] = "is not in this partial clone"
            elif is_lfs_pointer(target):
                tree.lacking[path] = "is a Git LFS pointer"
    made = []
    for target, goal in links:
        if goal is not None and not os.path.lexists(target):
            target.symlink_to(os.fsdecode(goal))
            made.append(target)
    _leave_out_links(tree, made)
    return tree


def read_files(
    folder: Path, commit: str, below: PurePosixPath
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The path and bytes of each file of a commit below a folder of its tree; links are left out.

    Args:
        folder: of the repository.

    Raises:
        GitError: git fails, or the content of a file is missing.
    """
    with _blobs(folder) as blobs:
        for mode, name, text in _listed(folder, commit):
            path = PurePosixPath(text)
            if mode not in (_FILE, _PROGRAM) or not path.is_relative_to(below):
                continue
            data = blobs.read(name)
            if data is None:
                raise GitError(f"{path} is not in this partial clone")
            yield path, data


def _leave_out_links(tree: Tree, links: list[Path]) -> None:
    """Removes links that lead out of the tree: by themselves, or through others."""
    top = tree.directory.resolve()
    outside = [link for link in links if not _leads_into(link, top)]
    for link in outside:
        link.unlink(missing_ok=True)
        tree.lacking[str(link.relative_to(tree.directory))] = "is a link out of the tree"


def _leads_into(link: Path, top: Path) -> bool:
    try:
        if not (link.is_symlink() and link.resolve().is_relative_to(top)):
            return False
        with suppress(FileNotFoundError, NotADirectoryError):
            link.stat()  # since Python 3.13 this alone refuses a link to itself
    except (OSError, RuntimeError):
        return False
    return True


def _listed(folder: Path, commit: str) -> Iterator[tuple[str, str, str]]:
    """Mode, object and path of each file."""
    for line in run_git(folder, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        if line:
            about, _, path = line.partition(b"\t")
            mode, _, name = about.decode().split()
            yield mode, name, _checked(os.fsdecode(path))


def _checked(path: str) -> str:
    parts = path.split("/")
    if PurePosixPath(path).is_absolute() or any(
        part in ("", ".", "..") or part.casefold() in (".git", "git~1") for part in parts
    ):
        raise GitError(f"the tree has a path that leads out of it: {path!r}")
    return path


class _Blobs:
    """`git cat-file --batch`, which gives the bytes of objects as they are."""

    def __init__(self, asks: IO[bytes], answers: IO[bytes]) -> None:
        self._asks, self._answers = asks, answers

    def read(self, name: str) -> bytes | None:
        """The bytes of a blob, None if it is missing."""
        if (size := self._ask(name)) is None:
            return None
        return self._take(size + 1)[:size]

    def write(self, name: str, target: Path, mode: int) -> bool:
        """Writes a blob to a new file; False if it is missing."""
        if (size := self._ask(name)) is None:
            return False
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(target, flags, mode), "wb") as file:
            while size:
                piece = self._take(min(size, _PIECE))
                file.write(piece)
                size -= len(piece)
        self._take(1)
        return True

    def _ask(self, name: str) -> int | None:
        self._asks.write(name.encode() + b"\n")
        self._asks.flush()
        answer = self._answers.readline().split()
        if answer[1:] == [b"missing"]:
            return None
        if len(answer) != 3 or answer[1] != b"blob":
            raise GitError(f"git cat-file answered {b' '.join(answer)!r}")
        return int(answer[2])

    def _take(self, size: int) -> bytes:
        taken = self._answers.read(size)
        if len(taken) != size:
            raise GitError("git cat-file ended early: the repository is damaged")
        return taken


@contextmanager
def _blobs(folder: Path) -> Iterator[_Blobs]:
    command = ["git", "-C", str(folder), "cat-file", "--batch"]
    with subprocess.Popen(  # noqa: S603
        command, env=git_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        try:
            yield _Blobs(process.stdin, process.stdout)
        finally:
            process.kill()
