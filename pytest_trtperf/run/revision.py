"""The tests of another revision: written to a directory of their own, and run to build engines.

A directory is there as long as the run that made it, which holds the lock beside it. What a killed
run leaves is removed by the next one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_trtperf.errors import CacheError
from pytest_trtperf.files.git_command import GitError
from pytest_trtperf.files.git_tree import Tree, resolve_commit, top_of, write_tree
from pytest_trtperf.files.locks import exclusive, hold
from pytest_trtperf.options import OF_MEASUREMENT
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.plan_cache.files import explain
from pytest_trtperf.plan_cache.place import default_cache_dir
from pytest_trtperf.plan_cache.trust import check_directory
from pytest_trtperf.run.asked import VARIABLE, AskedMeasurement, read_asked, read_failure
from pytest_trtperf.run.invocation import Invocation

DIRECTORY = "revisions"

_PRIVATE = 0o600
_SHOWN_LINES = 10
_SHOWN_PATHS = 5
_USAGE_ERROR = 4
_LOOK_EVERY_S = 0.2


class NotAsked(Exception):
    """A revision asks for no such measurement, or cannot be asked; the text says why."""


@dataclass(frozen=True)
class _Checkout:
    """Where a revision is.

    Attributes:
        directory: of all that it leaves.
        rootdir: of its tests, in the tree.
        lock: a descriptor; who has it open keeps the directory.
    """

    commit: str
    directory: Path
    tree: Tree
    rootdir: Path
    top: Path
    lock: int


class Revision:
    """A revision of the repository that has the tests.

    Args:
        revision: as git names it.
        rootdir: of this run.
        backend: the name of the one in use.
        show: called with the seconds that its tests have been waited for, and with None at the end.
    """

    def __init__(
        self,
        revision: str,
        settings: Settings,
        rootdir: Path,
        invocation: Invocation,
        backend: str,
        show: Callable[[float | None], None] = lambda _: None,
    ) -> None:
        self.name, self._settings = revision, settings
        self._rootdir, self._invocation, self._backend = rootdir, invocation, backend
        self._show = show
        self._checkout: _Checkout | None = None
        self._problem: str | None = None
        self._asked: dict[str, str | None] = {}

    @property
    def commit(self) -> str:
        """What it names, hexadecimal; only after `ask`."""
        assert self._checkout
        return self._checkout.commit

    @property
    def directory(self) -> Path:
        """Where what it asked for is, see `run.asked`; only after `ask`."""
        assert self._checkout
        return self._checkout.directory

    def ask(self, test: str, name: str) -> AskedMeasurement:
        """What the revision's test asks to be measured, its engine built.

        The device's lock must be free: the revision's tests run in another process.

        Args:
            test: its node id. name: of the measurement, see `measurement_name`.

        Raises:
            NotAsked: there is no such revision, test or measurement, or the test fails there.
        """
        if self._problem is None and self._checkout is None:
            try:
                self._checkout = self._prepare()
            except (GitError, CacheError, NotAsked) as error:
                self._problem = str(error)
            except OSError as error:
                self._problem = explain(error)
        if self._checkout is None:
            raise NotAsked(self._problem)
        if test not in self._asked:
            self._asked[test] = self._run_test(self._checkout, test)
        if asked := read_asked(self._checkout.directory, name):
            return asked
        reason = self._asked[test] or f"its test asks for no measurement {name}"
        raise NotAsked(f"{self.name}: {reason}{_lacking(self._checkout.tree)}")

    def close(self) -> None:
        """Removes what it has left."""
        if self._checkout is not None:
            checkout, self._checkout = self._checkout, None
            _remove(checkout.directory)
            os.close(checkout.lock)

    def _prepare(self) -> _Checkout:
        commit = resolve_commit(self._rootdir, self.name)
        place = _place(self._settings)
        sweep(place)
        directory, lock = _new_directory(place)
        try:
            top = top_of(self._rootdir)
            tree = write_tree(top, commit, directory / "tree")
            rootdir = tree.directory / self._rootdir.resolve().relative_to(top.resolve())
            checkout = _Checkout(commit, directory, tree, rootdir, top.resolve(), lock)
            self._set_up(checkout)
        except BaseException:
            _remove(directory)
            os.close(lock)
            raise
        return checkout

    def _set_up(self, checkout: _Checkout) -> None:
        if not checkout.rootdir.is_dir():
            where = checkout.rootdir.relative_to(checkout.tree.directory)
            raise NotAsked(f"{self.name} has no directory {where}")
        if (command := self._settings.reference_setup) is None:
            return
        done = self._run(checkout, ["/bin/sh", "-c", command], checkout.rootdir)
        if done.returncode:
            raise NotAsked(
                f"--trtperf-reference-setup failed with status {done.returncode} in the tree of "
                f"{self.name}: {_end_of(done.stdout)}"
            )

    def _run_test(self, checkout: _Checkout, test: str) -> str | None:
        """Runs a test in the tree; what went wrong."""
        command = [sys.executable, "-m", "pytest", *self._arguments(checkout), test]
        folder = self._in_tree(checkout, self._invocation.folder) or checkout.rootdir
        done = self._run(checkout, command, folder, env=_environment(checkout.directory))
        if reason := read_failure(checkout.directory, test):
            return f"its test fails: {reason}"
        if done.returncode == _USAGE_ERROR and ("not found: " in done.stdout):
            return f"it has no test {test}"
        return f"pytest failed there: {_end_of(done.stdout)}" if done.returncode else None

    def _run(
        self, checkout: _Checkout, command: list[str], folder: Path, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command that shares the lock, and shows how long it is waited for."""
        begun = time.monotonic()
        with subprocess.Popen(  # noqa: S603
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", pass_fds=(checkout.lock,),
            **more,
        ) as process:  # fmt: skip
            try:
                while True:
                    with suppress(subprocess.TimeoutExpired):
                        output, _ = process.communicate(timeout=_LOOK_EVERY_S)
                        break
                    self._show(time.monotonic() - begun)
            except BaseException:
                process.kill()
                raise
            finally:
                self._show(None)
        return subprocess.CompletedProcess(command, process.returncode, output)

    def _arguments(self, checkout: _Checkout) -> Iterator[str]:
        settings = self._settings
        yield from ("--trtperf-build-only", "--no-trtperf-update", "--no-trtperf-update-new")
        yield f"--trtperf-backend={self._backend}"
        yield "--trtperf-shared-cache" if settings.shared_cache else "--no-trtperf-shared-cache"
        for name, path in (("cache", settings.cache_dir), ("lock", settings.lock_dir)):
            if path is not None:
                yield f"--trtperf-{name}-dir={path}"
        yield from self._invocation.arguments
        yield from ("-q", f"--rootdir={checkout.rootdir}")
        ini = self._invocation.ini
        if ini and (its := self._in_tree(checkout, ini)):
            yield from ("-c", str(its))

    def _in_tree(self, checkout: _Checkout, path: Path) -> Path | None:
        """Where a path of this checkout is in the revision's tree; None if it is not there."""
        with suppress(ValueError):
            its = checkout.tree.directory / path.resolve().relative_to(checkout.top)
            return its if its.exists() else None
        return None


def _place(settings: Settings) -> Path:
    """The directory of revisions: beside the plans of this user, for what is in it is run."""
    cache = settings.cache_dir
    if cache is None or settings.shared_cache:
        cache = default_cache_dir()
    place = cache / DIRECTORY
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_directory(place)
    return place


def _new_directory(place: Path) -> tuple[Path, int]:
    """An empty directory, and the descriptor of its lock."""
    while True:
        name = secrets.token_hex(8)
        if (lock := hold(place / f"{name}.lock", _PRIVATE)) is not None:
            (place / name).mkdir(mode=0o700)
            return place / name, lock


def sweep(place: Path) -> list[str]:
    """Removes what killed runs left in a directory of revisions; returns the names."""
    removed: list[str] = []
    if not place.is_dir():
        return removed
    for name in sorted({path.stem for path in place.iterdir()}):
        with suppress(OSError), exclusive(place / f"{name}.lock", _PRIVATE, wait=False) as free:
            if free:
                _remove(place / name)
                removed.append(name)
    return removed


def _remove(directory: Path) -> None:
    """Removes a directory and its lock, which the caller holds."""
    for folder, _, _ in os.walk(directory):
        with suppress(OSError):
            os.chmod(folder, 0o700)
    shutil.rmtree(directory, ignore_errors=True)
    if not directory.exists():
        directory.with_name(f"{directory.name}.lock").unlink(missing_ok=True)


def _environment(directory: Path) -> dict[str, str]:
    """This process's, without options of a run and without what pytest-xdist gave its worker."""
    measuring = {option.variable for option in OF_MEASUREMENT}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not (name.startswith("TRTPERF_") and name not in measuring)
        and not name.startswith(("PYTEST_XDIST_", "PYTEST_CURRENT_TEST"))
    }
    kept.pop("TRTPERF", None)
    return kept | {VARIABLE: str(directory)}


def _lacking(tree: Tree) -> str:
    """What may be why a test fails there."""
    if not (found := tree.still_lacking()):
        return ""
    more = [f"and {len(found) - _SHOWN_PATHS} more"] * (len(found) > _SHOWN_PATHS)
    return f" (in its tree {'; '.join([*found[:_SHOWN_PATHS], *more])})"


def _end_of(output: str) -> str:
    lines: Sequence[str] = output.strip().splitlines()
    return "\n  ".join(["", *lines[-_SHOWN_LINES:]])
