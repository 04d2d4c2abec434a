"""A small repository, and whole runs of pytest in it that are killed or meet errors.

A run is forked from this process, which has imported everything: pytest's own start takes longer
than the tests. Workers and sessions are started as ever.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import itertools
import os
import pkgutil
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

import pytest_trtperf
from benchmarks.faults.forked_workers import fork_workers
from benchmarks.faults.shim import Operations

TOP = Path(__file__).parent.parent.parent
PLUGINS = TOP / "tests" / "plugin" / "plugins"
QUICK = (
    *("--trtperf-round-ms=5", "--trtperf-round-queries=5", "--trtperf-warm-up-ms=5"),
    *("--trtperf-max-warm-up=0.05", "--trtperf-max-time=0.3", "--trtperf-sessions=1"),
)
"""Short rounds: their numbers are of no interest here."""

LONGEST_S = 120.0
ORPHAN_S = 20.0
"""So long a process may go on after the one that it works for was killed."""

_PATHS = [str(PLUGINS), str(TOP)]
_PLUGINS = ("-p", "no:cacheprovider", "-p", "xdist", "-p", "pytest_trtperf.plugin")
MARK = "FAULTS_RUN"
_CONFTEST = """
import os
from pathlib import Path

def pytest_runtest_logfinish(nodeid):
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    with open(os.environ["FAULTS_ENDED"], "a") as file:
        print(nodeid, file=file)
"""


class Project:
    """The repository, with cache, locks and temporary files of its own beside it.

    Args:
        backend: fake or onnxruntime.
        modules: test modules, as text by name.
        options: of each run.

    Attributes:
        repository: the folder in which pytest runs.
        top: has all that a run may write: the repository, `cache`, `locks` and `tmp`.
    """

    def __init__(
        self, backend: str, modules: Mapping[str, str], options: Sequence[str] = QUICK
    ) -> None:
        self.backend, self.options = backend, options
        self.place = Path(tempfile.mkdtemp(prefix="faults-"))
        self.top, self.state = self.place / "top", self.place / "state"
        self.repository = self.top / "repository"
        for folder in (self.repository / "perf-baselines", self.top / "tmp", self.state):
            folder.mkdir(parents=True)
        (self.repository / "conftest.py").write_text(_CONFTEST)
        (self.repository / "pytest.ini").write_text("[pytest]\n")
        for name, text in modules.items():
            (self.repository / name).write_text(text)
        write_model(self.repository / "model.onnx", layers=1)
        self.operations = Operations(self.state, self.top)
        self.output = self.state / "output"
        self._ended = self.state / "ended"
        self._numbers = itertools.count()

    def start(self, *arguments: str, faults: Mapping[str, str] | None = None) -> Started:
        """Starts a run.

        Args:
            faults: what `Operations.fault` gave.
        """
        self._ended.unlink(missing_ok=True)
        mark = f"{os.getpid()}-{next(self._numbers)}"
        environment = {**self.environment(), MARK: mark, **(faults or {})}
        return Started(self, mark, self.arguments(*arguments), environment)

    def environment(self) -> dict[str, str]:
        """That of a run."""
        return {
            **{name: value for name, value in os.environ.items() if name[:7] != "TRTPERF"},
            "FAULTS_ENDED": str(self._ended),
            "TRTPERF_BACKEND": self.backend,
            "TRTPERF_CACHE_DIR": str(self.top / "cache"),
            "TRTPERF_LOCK_DIR": str(self.top / "locks"),
            "TMPDIR": str(self.top / "tmp"),
            "PYTHONPATH": os.pathsep.join(_PATHS),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_DEBUG_TEMPROOT": str(self.state),
            "FAKE_GPU_SEED": str(random.randrange(1000)),
        }

    def arguments(self, *arguments: str) -> list[str]:
        """Those of pytest."""
        plugins = [*_PLUGINS, *(["-p", "fake_gpu"] if self.backend == "fake" else [])]
        return ["-q", "--capture=sys", *plugins, "--trtperf", *self.options, *arguments]

    def run(self, *arguments: str, faults: Mapping[str, str] | None = None) -> int:
        """The exit status of a whole run."""
        return self.start(*arguments, faults=faults).wait()

    def ended(self) -> set[str]:
        """The tests of the last run that had ended, with all their reports."""
        return set(self._ended.read_text().split()) if self._ended.exists() else set()

    def files(self) -> set[str]:
        """All files and folders of a run, but for locks, which stay by design.

        Nor does a file count with which Python tried its temporary directory: it has at most four
        bytes, and stays where a kill comes before Python removes it.
        """
        found = (path for path in self.top.rglob("*") if ".lock" not in path.name)
        return {str(path.relative_to(self.top)) for path in found if not _is_of_python(path)}

    def age(self) -> None:
        """Makes everything look as old as it would be at the next run of an hour later."""
        an_hour_ago = time.time() - 3600
        for path in self.top.rglob("*"):
            with contextlib.suppress(OSError):
                os.utime(path, (an_hour_ago, an_hour_ago), follow_symlinks=False)

    def remove(self) -> None:
        """Removes all."""
        shutil.rmtree(self.place, ignore_errors=True)


class Started:
    """A run that goes on, with all its processes."""

    def __init__(
        self, project: Project, mark: str, command: list[str], environment: dict[str, str]
    ) -> None:
        self._mark = mark
        self.began = time.monotonic()
        self.pid = os.fork()
        if not self.pid:
            _become(project, command, environment)

    def wait(self, limit_s: float = LONGEST_S) -> int:
        """Its exit status, negative for a signal.

        Raises:
            TimeoutError: it hangs; it was killed.
        """
        deadline = time.monotonic() + limit_s
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                self.kill(group=True)
                raise TimeoutError("the run hangs")
            time.sleep(0.002)

    def kill(self, *, group: bool) -> int:
        """Kills it, and returns its exit status."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def orphans(self) -> list[int]:
        """Its processes that are still there after a while."""
        return orphans_of(self._mark, self.pid)


def orphans_of(mark: str, session: int) -> list[int]:
    """Processes of a run that are still there after a while; they are killed then.

    Args:
        mark: the value of `MARK` in the environment of the run.
        session: the number of its session of processes.
    """
    deadline = time.monotonic() + ORPHAN_S
    while (left := list(_processes(mark, session))) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


def import_everything() -> None:
    """What a run needs, so that the forked ones have it."""
    for one in pkgutil.walk_packages(pytest_trtperf.__path__, "pytest_trtperf."):
        importlib.import_module(one.name)
    for name in ("numpy", "scipy.stats", "scipy.special", "msgspec"):
        importlib.import_module(name)
    gc.freeze()  # each round collects garbage first, and this process is a large one


def write_model(path: Path, layers: int) -> None:
    """A chain of Tanh, each of a tenth of a millisecond on the fake GPU."""
    names = ["x", *(f"h{layer}" for layer in range(1, layers)), "y"]
    nodes = [helper.make_node("Tanh", [a], [b]) for a, b in itertools.pairwise(names)]
    rows = [helper.make_tensor_value_info(one, TensorProto.FLOAT, ["n", 256]) for one in "xy"]
    graph = helper.make_graph(nodes, "chain", rows[:1], rows[1:])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def _is_of_python(path: Path) -> bool:
    with contextlib.suppress(OSError):
        is_tried = path.parent.name == "tmp" and re.fullmatch(r"[a-z0-9_]{8}", path.name)
        return bool(is_tried) and b"blat".startswith(path.read_bytes())
    return False


def _become(project: Project, command: list[str], environment: dict[str, str]) -> None:
    """Makes a run of a forked process; never returns."""
    status = 70
    try:
        os.setsid()
        os.chdir(project.repository)
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None
        # Workers get the path that pytest-xdist found when it was imported.
        sys.path.insert(0, str(PLUGINS))
        vars(importlib.import_module("xdist.workermanage"))["_sys_path"] = list(sys.path)
        handle = os.open(project.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for stream in (1, 2):
            os.dup2(handle, stream)
        if project.backend == "fake":
            fork_workers()
        status = int(pytest.main(command))
    except BaseException:  # noqa: BLE001  # nobody else can report it
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _processes(mark: str, session: int) -> Iterator[int]:
    """Those that a run started: the mark is in the environment of all that were not forked."""
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                words = (folder / "stat").read_text().rpartition(") ")[2].split()
                is_its = words[3] == str(session) or wanted in (
                    (folder / "environ").read_bytes().split(b"\0")
                )
                if is_its and words[0] != "Z":
                    yield int(folder.name)
