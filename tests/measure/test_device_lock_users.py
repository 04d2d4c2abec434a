"""The lock of a device between users, among what does not belong there, and on NFS."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from itertools import permutations

import pytest

from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.files.locks import LockTimeout
from pytest_trtperf.measure import device_lock as module

ROOT, ONE, OTHER = 0, 65533, 65534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")

# argv: directory, user, what to do with the lock.
PROGRAM = """
import os, sys
from pathlib import Path
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.files.locks import LockTimeout
from pytest_trtperf.measure.device_lock import device_lock

directory, user, timeout = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
os.umask(0o077)
if user != os.geteuid():
    os.setgid(user)
    os.setuid(user)
try:
    with device_lock(directory, "GPU-1", timeout):
        print("held", flush=True)
        sys.stdin.readline()
except MeasurementError as error:
    print(error)
"""


@pytest.fixture
def directory(open_folder):
    return open_folder


@pytest.fixture
def hold(directory):
    """Starts a process that holds the lock as a user, until it is killed or reads a line."""
    children = []

    def run(user: int = os.geteuid()):
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, directory, str(user), "30"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        children.append(child)
        assert child.stdout
        assert child.stdout.readline() == "held\n"
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def take(directory):
    """Takes the lock as a user, and lets it go; gives what that said."""

    def run(user: int = os.geteuid(), timeout: float = 30, **environment: str) -> str:
        child = subprocess.run(
            [sys.executable, "-c", PROGRAM, directory, str(user), str(timeout)],
            env={**os.environ, **environment}, input="", capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert child.returncode == 0, child.stderr
        return child.stdout.strip()

    return run


@only_root
@pytest.mark.parametrize("users", list(permutations((ROOT, ONE, OTHER))), ids=str)
def test_each_user_may_take_it_after_each_other(take, users):
    assert [take(user) for user in users] == ["held"] * 3


@only_root
@pytest.mark.parametrize(("first", "second"), list(permutations((ROOT, ONE, OTHER), 2)))
def test_one_user_waits_for_another_and_knows_which(take, hold, first, second):
    holder = hold(first)
    assert f"in use by process {holder.pid} of user {first} on " in take(second, 0.2)
    holder.communicate("\n", timeout=60)
    assert take(second) == "held"


@only_root
def test_the_first_user_makes_the_directory_for_all(take, directory):
    directory.rmdir()
    directory.parent.chmod(0o1777)
    assert [take(user) for user in (ONE, OTHER, ROOT)] == ["held"] * 3


@only_root
@pytest.mark.parametrize("mode", [0o644, 0o444])
def test_a_lock_that_others_may_only_read_is_taken(take, directory, mode):
    assert take(ONE) == "held"
    for path in directory.iterdir():
        path.chmod(mode)
    assert take(OTHER) == "held"


@only_root
def test_a_lock_that_is_closed_to_others_is_named_until_root_opens_it(take, directory):
    assert take(ONE) == "held"
    for path in directory.iterdir():
        path.chmod(0o600)
    said = take(OTHER)
    assert f"GPU-1.lock.next cannot be used: it belongs to user {ONE}, with mode 600" in said
    assert "--trtperf-lock-dir" in said
    assert take(ROOT) == "held"
    assert take(OTHER) == "held"


def no_directory(path):
    path.mkdir()


def no_link(path):
    (path.parent / "elsewhere").touch()
    path.symlink_to("elsewhere")


def no_dangling_link(path):
    path.symlink_to("nowhere")


def no_loop(path):
    path.symlink_to(path.name)


def no_pipe(path):
    os.mkfifo(path)


def no_hard_link(path):
    (path.parent / "precious").write_text("kept")
    (path.parent / "precious").chmod(0o600)
    os.link(path.parent / "precious", path)


@pytest.mark.parametrize("name", ["GPU-1.lock", "GPU-1.lock.next"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (no_directory, "it is a directory"),
        (no_link, "it is a link, and is not followed"),
        (no_dangling_link, "it is a link, and is not followed"),
        (no_loop, "it is a link, and is not followed"),
        (no_pipe, "it is no regular file"),
        (no_hard_link, "it has more than one name"),
    ],
)
def test_what_is_no_lock_is_named_and_stays_as_it_is(take, directory, name, make, said):
    make(directory / name)
    found = take()
    assert f"{directory / name} cannot be used: {said}" in found
    assert "--trtperf-lock-dir" in found
    assert not (directory / "nowhere").exists()
    if make is no_hard_link:
        assert (directory / name).read_text() == "kept"
        assert (directory / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errno.ENOLCK, "its file system has no locks (No locks available)"),
        (errno.ENOSYS, "its file system has no locks"),
        (errno.EOPNOTSUPP, "its file system has no locks"),
        (errno.EBADF, "this user may only read it, and NFS locks what may be written"),
        (errno.EIO, "Input/output error"),
        (errno.ESTALE, "it was gone 100 times while it was locked"),
        (errno.ETIMEDOUT, "Connection timed out"),
    ],
)
def test_an_error_of_nfs_is_explained(take, refuse, directory, error, said):
    found = take(**refuse("flock", error))
    assert f"GPU-1.lock.next cannot be used: {said}" in found
    assert "--trtperf-lock-dir" in found
    assert take() == "held"


@pytest.mark.parametrize("function", ["flock", "open"])
@pytest.mark.parametrize("error", [errno.ESTALE, errno.EINTR])
def test_what_passes_is_waited_for(take, refuse, function, error):
    assert take(**refuse(function, error, 3)) == "held"


@pytest.mark.parametrize("error", [errno.EAGAIN])
def test_a_lock_that_is_never_free_ends_in_time(take, refuse, error):
    found = take(timeout=0.2, **refuse("flock", error))
    assert "waited 0 s for the device, which is in use: let that one end" in found


def test_what_a_killed_holder_wrote_is_not_taken_for_the_next_one(take, hold, directory):
    holder = hold()
    holder.kill()
    holder.wait(timeout=60)
    assert (directory / "GPU-1.lock").read_text().startswith(f"process {holder.pid} ")
    assert take() == "held"
    assert (directory / "GPU-1.lock").read_text() == ""


def test_who_holds_it_is_printed_as_text(take, hold, directory):
    hold()
    (directory / "GPU-1.lock").write_bytes(b"\x1b[31m\xff" + b"x" * 100_000)
    found = take(timeout=0.2)
    assert "in use by \\x1b[31m\N{REPLACEMENT CHARACTER}xxx" in found
    assert len(found) < 700


def test_who_was_waited_for_in_vain_is_not_waited_for_again(directory, monkeypatch):
    asked = []

    def never_free(path, mode, timeout_s, on_wait):
        asked.append(timeout_s)
        raise LockTimeout

    monkeypatch.setattr(module, "wait_for", never_free)
    lock = module.device_lock(directory, "GPU-1", 7200)
    for _ in range(2):
        with pytest.raises(MeasurementError), lock:
            pass
    assert asked[0] > 7000
    assert asked[1] <= 1
