"""`trtperf bisect-run`: the exit statuses that `git bisect run` reads, by races."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest
from msgspec import structs

from pytest_trtperf.commands.bisect_judgement import judge
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.model import MaxQpsRecord, PairRecord
from pytest_trtperf.record.verdict import VerdictRecord

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

CONFTEST = """
from pytest_trtperf.testing import FakeBackend, FakeGpu, lognormal

BACKEND = FakeBackend(
    noise=lognormal(0.01, 0.001),
    latency_of=lambda path: float(path.read_text()),
    gpu=FakeGpu(),
)

def pytest_trtperf_backends(config):
    return [BACKEND]
"""
TESTS = """
def test_it(trt_engine, trt_measure):
    trt_measure(trt_engine("model.onnx"))
"""
INI = """
[pytest]
trtperf_backend = fake
trtperf_strict = true
"""
WHO = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
TRTPERF = (sys.executable, "-m", "pytest_trtperf.cli")
PYTEST = ("pytest", "-p", "no:cacheprovider", "-q")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository whose history the tests write; caches and locks are beside it."""
    for name in os.environ:
        if name.startswith(("GIT_", "TRTPERF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRTPERF_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TRTPERF_LOCK_DIR", str(tmp_path / "locks"))
    folder = tmp_path / "repository"
    folder.mkdir()
    for name, text in (("conftest.py", CONFTEST), ("test_perf.py", TESTS), ("pytest.ini", INI)):
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    return folder


def git(folder, *words, check=True):
    done = subprocess.run(
        ["git", *WHO, *words], cwd=folder, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0 or not check, done.stderr
    return done


def commit(folder, level, name=None, **files):
    """Commits a model that takes so many ms, with other files by their stems."""
    (folder / "model.onnx").write_text(level)
    for stem, text in files.items():
        (folder / f"{stem}.py").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", name or level)
    return git(folder, "rev-parse", "HEAD").stdout.strip()


def bisect_run(folder, *words):
    return subprocess.run(
        [*TRTPERF, "bisect-run", *words], cwd=folder, check=False, capture_output=True, text=True
    )


def test_git_finds_the_commit_that_made_it_slower(repository):
    commits = [
        commit(repository, level, **files)
        for level, files in (
            ("2.0", {}),
            ("2.00", {}),
            ("2.01", {}),
            ("2.02", {"test_perf": "import nothing_of_this_name"}),
            ("2.6", {"test_perf": TESTS}),
            ("2.61", {}),
            ("2.59", {}),
        )
    ]
    git(repository, "bisect", "start", commits[-1], commits[0])
    command = [*TRTPERF, "bisect-run", "--", *PYTEST]
    found = git(repository, "bisect", "run", *command, check=False).stdout
    # The commit that cannot be collected was skipped: it or the next one is the first bad one.
    assert re.search(f"{commits[4]} is the first bad commit", found) or (
        "only 'skip'ped commits left" in found and commits[3] in found and commits[4] in found
    )
    log = git(repository, "bisect", "log").stdout
    assert f"# bad: [{commits[5]}]" in log or f"# bad: [{commits[4]}]" in log
    assert f"# good: [{commits[2]}]" in log


def test_each_answer_has_its_status(repository):
    good = commit(repository, "2.0")
    same = bisect_run(repository, "--good", good, "--", *PYTEST)
    assert (same.returncode, same.stderr) == (0, "trtperf: good: 1 measurement is as fast\n")
    commit(repository, "2.6")
    slow = bisect_run(repository, "--good", good, "--", *PYTEST)
    assert slow.returncode == 1
    assert re.search(r"trtperf: bad: test_perf.py::test_it: .* regressed: in turns", slow.stderr)
    only = bisect_run(repository, "--good", good, "--metric", "no such number", "--", *PYTEST)
    assert only.returncode == 125
    commit(repository, "2.6", test_perf=TESTS + "    raise ValueError('no model')\n")
    broken = bisect_run(repository, "--good", good, "--", *PYTEST)
    assert broken.returncode == 125
    assert "trtperf: skip: test_perf.py::test_it failed: ValueError: no model" in broken.stderr
    nothing = bisect_run(repository, "--good", good, "--", *PYTEST, "no_such_file.py")
    assert nothing.returncode == 125
    assert nothing.stderr.endswith("trtperf: skip: nothing was measured\n")


def test_baselines_that_are_named_decide_where_they_are(repository, tmp_path):
    commit(repository, "2.0")
    place = f"--trtperf-baseline-dir={tmp_path / 'kept'}"
    recorded = subprocess.run(
        [sys.executable, "-m", *PYTEST, "--trtperf", "--trtperf-update", place],
        cwd=repository, check=False, capture_output=True,
    )  # fmt: skip
    assert recorded.returncode == 0
    commit(repository, "2.6")
    slow = bisect_run(repository, "--", *PYTEST, place)
    assert slow.returncode == 1
    # The engine that the baseline was recorded with is in the cache.
    assert "regressed: in turns, here and now" in slow.stderr
    commit(repository, "2.00")
    assert bisect_run(repository, "--", *PYTEST, place).returncode == 0
    assert "leave it out" in bisect_run(repository, "--good=HEAD", "--", *PYTEST, place).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "'nothing' is not a command of pytest"),
        (("--", "make", "test"), "'make test' is not a command of pytest"),
        (("--metric",), "expected one argument"),
        (("--", "pytest"), "no bisection with a good revision is under way here"),
        (
            ("--", "pytest", "--trtperf-reference=cache:/x"),
            "--trtperf-reference needs baselines that stay",
        ),
    ],
)
def test_wrong_usage_ends_the_bisection(repository, words, said):
    commit(repository, "2.0")
    done = bisect_run(repository, *words)
    assert done.returncode == 128
    assert said in done.stderr


def test_an_error_of_our_own_says_nothing_of_the_commit(trtperf, monkeypatch):
    def fails(words):
        raise RuntimeError("of ours")

    monkeypatch.setattr("pytest_trtperf.commands.bisect_run._words_of_pytest", fails)
    result = trtperf("bisect-run", "--", "pytest")
    assert result.status == 128
    assert result.err.endswith("trtperf: error: of ours\n")


def test_outside_of_a_repository_it_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    done = bisect_run(tmp_path, "--", "pytest")
    assert done.returncode == 128
    assert "not a git repository" in done.stderr


KEY = "tests/test_x.py::test_a"
SLOWER = VerdictRecord(
    kind="race", metric="gpu_compute median", status="fail", reason="over_limit",
    message="slower\n  layer conv", failed=True,
)  # fmt: skip
FAST = structs.replace(SLOWER, status="pass", message="as fast", failed=False)
OPEN = structs.replace(FAST, metric="latency P99", status="inconclusive", message="not known")


def item(outcome, **changes):
    return ItemRecord(test=KEY, key=KEY, outcome=outcome, **changes)


@pytest.mark.parametrize(
    ("verdicts", "outcome", "metrics", "expected"),
    [
        ([FAST], "passed", None, ("good", "1 measurement is as fast")),
        ([SLOWER], "failed", None, ("bad", "slower")),
        ([SLOWER, OPEN], "failed", ["latency P99"], ("skip", "not known")),
        ([SLOWER], "passed", None, ("good", "1 measurement is as fast")),
        ([FAST, OPEN], "passed", None, ("skip", "not known")),
        ([FAST, OPEN], "passed", ["gpu_compute median"], ("good", "1 measurement is as fast")),
        ([FAST], "error", None, ("skip", f"{KEY} error: its set-up or teardown failed: why")),
        ([], "passed", None, ("skip", f"{KEY} was not compared: no such test there")),
    ],
)
def test_judgement(make_run, make_measurement, verdicts, outcome, metrics, expected):
    one = make_measurement(
        KEY, verdicts=verdicts, outcome=outcome, baseline="missing", notes=["no such test there"]
    )
    run = make_run(one, tests=[item(outcome, reason="why")])
    assert judge(run, metrics) == expected


def test_a_test_that_measured_nothing_is_no_answer(make_run, make_measurement):
    run = structs.replace(make_run(), measurements=[], tests=[item("skipped")])
    assert judge(run) == ("skip", "nothing was measured")
    broken = structs.replace(run, tests=[item("failed", reason="OSError: x")])
    assert judge(broken) == ("skip", f"{KEY} failed: OSError: x")
    same = make_measurement(KEY, verdicts=[], outcome="passed", baseline="raced")
    assert judge(make_run(same, tests=[item("passed")]))[0] == "good"


@pytest.mark.parametrize("metrics", [None, ["gpu_compute median"]])
def test_what_is_compared_with_nothing_keeps_no_commit_from_being_good(
    make_run, make_measurement, metrics
):
    one = make_measurement(KEY, verdicts=[FAST], outcome="passed", baseline="compared")
    common: dict[str, Any] = {
        "test": KEY,
        "device": "d",
        "verdicts": [],
        "findings": [],
        "message": "",
    }
    search = MaxQpsRecord(
        key=f"{KEY}#rate", engine=one.engine, shapes={}, mode={}, limit_ms=1.0, rate=9.0,
        lower=8.0, upper=9.5, closed_qps=10.0, trials=[], **common,
    )  # fmt: skip
    pair = PairRecord(
        key=f"{KEY}#pair", engines={}, modes={}, blocks=2, ratios={},
        **{**common, "verdicts": [structs.replace(FAST, kind="pair", metric="latency")]},
    )  # fmt: skip
    off = make_measurement(f"{KEY}#off", verdicts=[], outcome="passed", baseline="off")
    tests = [item("passed")]
    run = make_run(one, off, tests=tests, max_qps=[search], pairs=[pair])
    assert judge(run, metrics)[0] == "good"
    alone = make_run(off, tests=tests, max_qps=[search])
    assert judge(alone, metrics) == ("skip", "nothing was compared")
