"""Ways of writing, selecting, configuring and interrupting a test, and what each has to give.

In all of them the model takes 1.3 times as long as when the baseline was recorded.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PASSED, FAILED, INTERRUPTED, INTERNAL, USAGE, NOTHING = (
    int(code)
    for code in (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.INTERRUPTED,
        pytest.ExitCode.INTERNAL_ERROR,
        pytest.ExitCode.USAGE_ERROR,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    )
)

PLAIN = """
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
"""
REGRESSED = "*gpu_compute median regressed: *tolerance 5.0%*"
NO_BASELINE = "*WITHOUT A BASELINE, nothing was compared*"


@dataclass(frozen=True)
class Way:
    """One way, and what it has to give.

    Attributes:
        body: of the test module.
        status: pytest's exit status.
        words: lines of the output, in any order.
        arguments: of pytest, in the run that is judged.
        recorded: of the module when the baseline was recorded; the body unless given.
        files: others in the repository, by name.
        ini: lines of it. environment: of the judged run.
        prepare: changes the repository between the two runs.
        absent: a line that the output must not have.
        process: whether the run needs a process of its own.
        with_workers: whether it is to be the same under `-n2`.
    """

    body: str = PLAIN
    status: int = FAILED
    words: Sequence[str] = (REGRESSED,)
    arguments: Sequence[str] = ()
    recorded: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    ini: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Path], object] = lambda path: None
    absent: str | None = None
    process: bool = False
    with_workers: bool = False


def _strict(way: Way, *words: str) -> Way:
    return Way(
        way.body,
        FAILED,
        words,
        (*way.arguments, "--trtperf-strict"),
        way.recorded,
        way.files,
        way.ini,
        way.environment,
        way.prepare,
        process=way.process,
        with_workers=way.with_workers,
    )


def _baselines(path: Path) -> list[Path]:
    return sorted((path / "perf-baselines").rglob("*.json"))


def _rewrite(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Changes each entry of the baselines."""

    def prepare(path: Path) -> None:
        for file in _baselines(path):
            content = json.loads(file.read_text())
            for entry in content["entries"].values():
                change(entry)
            file.write_text(json.dumps(content))

    return prepare


def _rounds(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def each(entry: dict[str, Any]) -> None:
        for run in entry["runs"]:
            for session in run["sessions"]:
                for one in session["rounds"]:
                    change(one)

    return _rewrite(each)


def _write(text: str) -> Callable[[Path], None]:
    def prepare(path: Path) -> None:
        for file in _baselines(path):
            file.write_text(text)

    return prepare


def _remove(path: Path) -> None:
    for file in _baselines(path):
        file.unlink()


def _as_other_class(path: Path) -> None:
    (path / "perf-baselines/fake-gpu").rename(path / "perf-baselines/another-gpu")


def _cut(path: Path) -> None:
    for file in _baselines(path):
        file.write_bytes(file.read_bytes()[:-200])


def _repeat(path: Path) -> None:
    """As `--count=2` of a plugin does."""
    (path / "conftest.py").write_text(
        "def pytest_generate_tests(metafunc):\n"
        "    metafunc.fixturenames.append('_step')\n"
        "    metafunc.parametrize('_step', range(2), ids=['1-2', '2-2'])\n"
    )


def _future(path: Path) -> None:
    for file in _baselines(path):
        content = json.loads(file.read_text())
        content["schema"] = content["schema"].partition("/")[0] + "/99"
        file.write_text(json.dumps(content))


AFTER = """
    import pytest, unittest
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        {after}
"""
CAUGHT = """
    import contextlib, pytest
    from pytest_trtperf import PerfAssertionError
    def test_it(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"))
        with {context}:
            perf.{call}
"""
SUPPRESSED = "contextlib.suppress(AssertionError)"
EXPECTED = "pytest.raises(PerfAssertionError)"

SKIPPED_STRICT = "*skipped: not compared (*test_it)*--trtperf-strict fails it*"
SKIPS = Way(
    AFTER.format(after='pytest.skip("no")'), PASSED,
    ("*1 test measured and was then skipped: not compared (*test_it)*",), recorded=PLAIN,
    with_workers=True,
)  # fmt: skip
SKIPS_CASE = Way(
    """
    import pytest, unittest
    class TestIt(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _given(self, trt_engine, trt_measure):
            self.perf = trt_measure(trt_engine("model.onnx"))
        def test_it(self):
            {after}
    """.format(after='self.skipTest("no")'), PASSED,
    ("*1 test measured and was then skipped: not compared (*test_it)*",),
)  # fmt: skip
XFAIL = Way(
    """
    import pytest
    @pytest.mark.xfail(reason="known")
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
    """, PASSED, ("*failed verdict* in 1 test that did not fail (test_it)*",),
    recorded=PLAIN, with_workers=True,
)  # fmt: skip
BUDGET_SUPPRESSED = Way(
    CAUGHT.format(context=SUPPRESSED, call="assert_p99(ms=1.2)") + "\n", PASSED,
    ("*failed verdict* in 1 test that did not fail (test_it)*",),
    arguments=("--trtperf-tolerance=0.5",), with_workers=True,
)  # fmt: skip
BUDGET_EXPECTED = Way(
    CAUGHT.format(context=EXPECTED, call="assert_p99(ms=1.2)"), PASSED,
    ("*failed verdict* in 1 test that did not fail (test_it)*",), recorded=PLAIN,
    arguments=("--trtperf-tolerance=0.5",),
)  # fmt: skip
NARROW_SUPPRESSED = Way(
    CAUGHT.format(context=SUPPRESSED, call="assert_no_regression(tolerance=0.05)"), PASSED,
    ("*failed verdict* in 1 test that did not fail (test_it)*",),
    arguments=("--trtperf-tolerance=0.5",),
)  # fmt: skip
NEVER_MEASURES = Way(
    """
    def test_it(trt_engine, trt_measure):
        pass
    def test_other(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), baseline=False)
    """, PASSED,
    ("*1 test has trt_measure and measured nothing (test_it)*",), with_workers=True,
)  # fmt: skip
MISSING = Way(status=PASSED, words=(NO_BASELINE,), prepare=_remove, with_workers=True)
STOPS = Way(
    PLAIN + """
    def test_last():
        import pytest
        pytest.exit("enough", returncode=0)
    """, FAILED, ("*pytest.exit ended the run as if none had*",), recorded=PLAIN,
)  # fmt: skip
NO_TIME = Way(
    status=NOTHING,
    words=("*not measured, since no time was left*",),
    arguments=("--trtperf-time-limit=0.0001",),
)  # fmt: skip

WRITING = {
    "a function": Way(with_workers=True),
    "a class": Way(
        """
    class TestIt:
        def test_it(self, trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"))
        """,
        with_workers=True,
    ),
    "nested classes": Way(
        """
    class TestIt:
        class TestInner:
            def test_it(self, trt_engine, trt_measure):
                trt_measure(trt_engine("model.onnx"))
        """
    ),
    "parameters": Way(
        """
    import pytest
    @pytest.mark.parametrize("batch", [1, 8])
    def test_it(trt_engine, trt_measure, batch):
        trt_measure(trt_engine("model.onnx"))
        """,
        with_workers=True,
    ),
    "an odd id": Way(
        """
    import pytest
    @pytest.mark.parametrize("x", ["a::b", "c#d", "[e]", "f@g", "h/i", "\\u4e2d", " "])
    def test_it(trt_engine, trt_measure, x):
        trt_measure(trt_engine("model.onnx"))
        """,
        with_workers=True,
    ),
    "a parametrised fixture": Way(
        """
    import pytest
    @pytest.fixture(params=[1, 2])
    def batch(request):
        return request.param
    def test_it(trt_engine, trt_measure, batch):
        trt_measure(trt_engine("model.onnx"))
        """,
        with_workers=True,
    ),
    "measured in a fixture": Way(
        """
    import pytest
    @pytest.fixture
    def perf(trt_engine, trt_measure):
        return trt_measure(trt_engine("model.onnx"))
    def test_it(perf):
        assert perf
        """,
        with_workers=True,
    ),
    "a fixture of the conftest": Way(
        "    def test_it(perf):\n        pass\n",
        files={
            "conftest.py": """
    import pytest
    @pytest.fixture
    def perf(trt_engine, trt_measure):
        return trt_measure(trt_engine("model.onnx"))
    """
        },
    ),
    "a fixture asked for by name": Way(
        """
    def test_it(request):
        engine = request.getfixturevalue("trt_engine")("model.onnx")
        request.getfixturevalue("trt_measure")(engine)
        """
    ),
    "usefixtures": Way(
        """
    import pytest
    @pytest.fixture
    def perf(trt_engine, trt_measure):
        return trt_measure(trt_engine("model.onnx"))
    @pytest.mark.usefixtures("perf")
    def test_it():
        pass
        """
    ),
    "a TestCase": Way(
        """
    import pytest, unittest
    class TestIt(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _given(self, trt_engine, trt_measure):
            self.engine, self.measure = trt_engine("model.onnx"), trt_measure
        def test_it(self):
            self.measure(self.engine)
        """,
        with_workers=True,
    ),
    "an asynchronous TestCase": Way(
        """
    import pytest, unittest
    class TestIt(unittest.IsolatedAsyncioTestCase):
        @pytest.fixture(autouse=True)
        def _given(self, trt_engine, trt_measure):
            self.engine, self.measure = trt_engine("model.onnx"), trt_measure
        async def test_it(self):
            self.measure(self.engine)
        """
    ),
    "a coroutine without a plugin": Way(
        """
    async def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        """,
        words=("*async def functions are not natively supported*",),
        recorded=PLAIN,
    ),
    "a thread": Way(
        """
    import threading
    def test_it(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        thread = threading.Thread(target=trt_measure, args=[engine])
        thread.start()
        thread.join()
        """
    ),
    "several measurements": Way(
        """
    def test_it(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        for name in "ab":
            trt_measure(engine, name=name)
        """,
        with_workers=True,
    ),
    "the same name twice": Way(
        """
    def test_it(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        for _ in "ab":
            trt_measure(engine, name="a")
        """,
        words=("*this test has a measurement named 'a' already*",),
        recorded=PLAIN,
    ),
    "a sweep": Way(
        """
    def test_it(trt_engine, trt_measure):
        trt_measure.sweep(trt_engine("model.onnx"), batch_sizes=[1, 2])
        """
    ),
    "a lambda": Way(
        """
    test_it = lambda trt_engine, trt_measure: trt_measure(trt_engine("model.onnx")) and None
        """
    ),
    "a decorated test": Way(
        """
    import functools
    def twice(test):
        @functools.wraps(test)
        def wrapped(*given, **named):
            return test(*given, **named)
        return wrapped
    @twice
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        """
    ),
    "measured in the set-up of a class": Way(
        """
    import pytest
    class TestIt:
        @pytest.fixture(autouse=True)
        def setup(self, trt_engine, trt_measure):
            self.perf = trt_measure(trt_engine("model.onnx"))
        def test_it(self):
            pass
        """
    ),
    "measured in a teardown": Way(
        """
    import pytest
    @pytest.fixture
    def late(trt_engine, trt_measure):
        yield
        trt_measure(trt_engine("model.onnx"))
    def test_it(late):
        pass
        """,
        words=("*measure in the test or in the set-up of its fixtures*",),
        recorded=PLAIN,
        with_workers=True,
    ),
    "measured in a finalizer": Way(
        """
    def test_it(request, trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        request.addfinalizer(lambda: trt_measure(engine))
        """,
        words=("*measure in the test or in the set-up of its fixtures*",),
        recorded=PLAIN,
    ),
    "measured in the teardown of a TestCase": Way(
        """
    import pytest, unittest
    class TestIt(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _given(self, trt_engine, trt_measure):
            self.engine, self.measure = trt_engine("model.onnx"), trt_measure
        def tearDown(self):
            self.measure(self.engine)
        def test_it(self):
            pass
        """
    ),
    "skips afterwards": SKIPS,
    "skips afterwards, strict": _strict(
        SKIPS, "*skipped: not compared (*test_it)*--trtperf-strict fails it*"
    ),
    "a TestCase skips afterwards": SKIPS_CASE,
    "a TestCase skips afterwards, strict": _strict(SKIPS_CASE, SKIPPED_STRICT),
    "fails afterwards": Way(AFTER.format(after="assert 0"), words=("*assert 0*",), recorded=PLAIN),
    "ends the process's thread": Way(
        AFTER.format(after="raise SystemExit(0)"),
        words=("*SystemExit*",),
        recorded=PLAIN,
    ),
    "xfail": XFAIL,
    "xfail, strict": _strict(XFAIL, "*test_it*--trtperf-strict fails it*"),
    "xfail by strict mark": Way(
        """
    import pytest
    @pytest.mark.xfail(strict=True, reason="known")
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        """,
        PASSED,
        ("*failed verdict* in 1 test that did not fail (test_it)*",),
        recorded=PLAIN,
    ),
    "a suppressed comparison": Way(
        CAUGHT.format(context=SUPPRESSED, call="assert_no_regression()"),
        with_workers=True,
    ),
    "an expected comparison": Way(
        CAUGHT.format(context=EXPECTED, call="assert_no_regression()"),
        recorded=PLAIN,
    ),
    "a suppressed comparison of another tolerance": NARROW_SUPPRESSED,
    "a suppressed comparison of another tolerance, strict": _strict(
        NARROW_SUPPRESSED, "*test caught this failure*--trtperf-strict fails it*"
    ),
    "a suppressed budget": BUDGET_SUPPRESSED,
    "a suppressed budget, strict": _strict(
        BUDGET_SUPPRESSED, "*test caught this failure*--trtperf-strict fails it*"
    ),
    "an expected budget": BUDGET_EXPECTED,
    "an expected budget, strict": _strict(
        BUDGET_EXPECTED, "*test caught this failure*--trtperf-strict fails it*"
    ),
    "a wide comparison in the body": Way(
        """
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx")).assert_no_regression(tolerance=0.5)
        """,
        PASSED,
        ("*1 passed*",),
    ),
    "never measures": NEVER_MEASURES,
    "never measures, strict": _strict(
        NEVER_MEASURES, "*measured nothing: --trtperf-strict fails it*"
    ),
    "no baseline wanted": Way(
        """
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), baseline=False)
        """,
        PASSED,
        ("*1 passed*",),
        recorded=PLAIN,
    ),
    "a wide mark": Way(
        """
    import pytest
    @pytest.mark.trtperf(tolerance=0.5)
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        """,
        PASSED,
        ("*1 passed*",),
    ),
    "a misspelt mark": Way(
        """
    import pytest
    @pytest.mark.trtperf(tolerence=0.5)
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        """,
        words=("*tolerence*tolerance*",),
        recorded=PLAIN,
    ),
    "a mark with a bad value": Way(
        """
    import pytest
    @pytest.mark.trtperf(tolerance="wide")
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        """,
        words=("*tolerance*wide*",),
        recorded=PLAIN,
    ),
    "a subtest": Way(
        """
    def test_it(subtests, trt_engine, trt_measure):
        for name in "ab":
            with subtests.test(name=name):
                trt_measure(trt_engine("model.onnx"), name=name)
        """
    ),
    "a subtest that compares": Way(
        """
    def test_it(subtests, trt_engine, trt_measure):
        for name in "ab":
            with subtests.test(name=name):
                trt_measure(trt_engine("model.onnx"), name=name).assert_no_regression()
        """
    ),
    "another fixture of the name": Way(
        """
    import pytest
    @pytest.fixture
    def trt_measure(trt_measure):
        return lambda *given, **named: trt_measure(*given, **named)
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        """
    ),
    "a fixture that times": Way(
        """
    def test_it(trt_engine, trt_measure, monkeypatch):
        import time
        monkeypatch.setattr(time, "monotonic", lambda: 0.0)
        trt_measure(trt_engine("model.onnx"))
        """
    ),
    "another directory": Way(
        """
    def test_it(trt_engine, trt_measure, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        trt_measure(trt_engine("model.onnx"))
        """
    ),
    "warnings are errors": Way(ini=["filterwarnings = error"], with_workers=True),
    "captured warnings": Way(
        """
    import warnings
    def test_it(trt_engine, trt_measure):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trt_measure(trt_engine("model.onnx"))
        """
    ),
}

SELECTING = {
    "-k": Way(arguments=["-k", "it"], with_workers=True),
    "-k of nothing": Way(status=NOTHING, words=("*1 deselected*",), arguments=["-k", "other"]),
    "-m trtperf": Way(arguments=["-m", "trtperf"], with_workers=True),
    "-m not trtperf": Way(
        status=NOTHING, words=("*1 deselected*",), arguments=["-m", "not trtperf"]
    ),
    "a node id": Way(arguments=["test_perf.py::test_it"], with_workers=True),
    "a wrong node id": Way(
        status=USAGE, words=("*not found*",), arguments=["test_perf.py::test_other"]
    ),
    "a wrong path": Way(status=USAGE, words=("*not found*",), arguments=["test_other.py"]),
    "a directory": Way(arguments=["."]),
    "the path twice": Way(arguments=["test_perf.py", "test_perf.py"]),
    "--keep-duplicates": Way(arguments=["--keep-duplicates", "test_perf.py", "test_perf.py"]),
    "--deselect": Way(
        status=NOTHING, words=("*1 deselected*",), arguments=["--deselect", "test_perf.py::test_it"]
    ),
    "--ignore": Way(status=NOTHING, words=("*no tests ran*",), arguments=["--ignore=test_perf.py"]),
    "--lf": Way(arguments=["--lf"]),
    "--ff": Way(arguments=["--ff"]),
    "--nf": Way(arguments=["--nf"]),
    "--stepwise": Way(arguments=["--stepwise"]),
    "-x": Way(arguments=["-x"], with_workers=True),
    "--maxfail": Way(arguments=["--maxfail=1"]),
    "--collect-only": Way(
        status=PASSED, words=("*1 test collected*",), arguments=["--collect-only"]
    ),
    "--setup-plan": Way(status=PASSED, words=("*trt_measure*",), arguments=["--setup-plan"]),
    "--setup-only": Way(status=PASSED, words=("*trt_measure*",), arguments=["--setup-only"]),
    "--setup-show": Way(arguments=["--setup-show"]),
    "-q": Way(arguments=["-q"]),
    "-qq": Way(arguments=["-qq"], words=("*gpu_compute median regressed*",)),
    "-v": Way(arguments=["-v"], with_workers=True),
    "-s": Way(arguments=["-s"]),
    "--tb=no": Way(arguments=["--tb=no"], words=("*FAIL gpu_compute median*",)),
    "--tb=line": Way(arguments=["--tb=line"]),
    "--tb=native": Way(arguments=["--tb=native"]),
    "--no-summary": Way(arguments=["--no-summary"], words=()),
    "--no-header": Way(arguments=["--no-header"]),
    "-W error": Way(arguments=["-W", "error"]),
    "--disable-warnings": Way(arguments=["--disable-warnings"]),
    "--import-mode": Way(arguments=["--import-mode=importlib"]),
    "--strict-markers": Way(arguments=["--strict-markers"]),
    "--strict-config": Way(arguments=["--strict-config"]),
    "--durations": Way(arguments=["--durations=3"]),
    "--junitxml": Way(arguments=["--junitxml=junit.xml"], with_workers=True),
    "--basetemp": Way(arguments=["--basetemp=made"]),
    "-o xfail_strict": Way(arguments=["-o", "xfail_strict=true"]),
    "-p no:terminal": Way(arguments=["-p", "no:terminal"], words=()),
    "-p no:cacheprovider": Way(arguments=["-p", "no:cacheprovider"]),
    "-p no:warnings": Way(arguments=["-p", "no:warnings"]),
    "-p no:logging": Way(arguments=["-p", "no:logging"]),
    "-p no:junitxml": Way(arguments=["-p", "no:junitxml"]),
    "-p no:unittest": Way(arguments=["-p", "no:unittest"]),
    "-p no:faulthandler": Way(arguments=["-p", "no:faulthandler"]),
    "-p no:capture": Way(arguments=["-p", "no:capture"]),
    "-p no:xdist": Way(arguments=["-p", "no:xdist"]),
    "-p no:trtperf": Way(
        status=USAGE,
        words=("*unrecognized arguments*--trtperf*",),
        process=True,
        arguments=["-p", "no:trtperf"],
    ),
    "a broken module beside it": Way(
        status=INTERRUPTED,
        words=("*ERROR*test_broken.py*",),
        prepare=lambda path: (path / "test_broken.py").write_text("import nothing_of_this_name\n"),
    ),
    "a broken module beside it, continued": Way(
        words=("*ERROR*test_broken.py*", REGRESSED),
        arguments=["--continue-on-collection-errors"],
        prepare=lambda path: (path / "test_broken.py").write_text("import nothing_of_this_name\n"),
    ),
    "repeated by parameters of a plugin": Way(
        status=PASSED,
        words=(NO_BASELINE, "*there is a baseline of test_perf.py::test_it, and this is another*"),
        recorded=PLAIN,
        prepare=_repeat,
    ),
    "repeated by parameters of a plugin, required": Way(
        words=("*has no baseline*--trtperf-require-baseline asks for one*",),
        arguments=["--trtperf-require-baseline"],
        prepare=_repeat,
    ),
    "run twice by a plugin": Way(
        files={
            "conftest.py": """
    from _pytest.runner import runtestprotocol
    def pytest_runtest_protocol(item, nextitem):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for _ in range(2):
            for report in runtestprotocol(item, nextitem=nextitem, log=False):
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True
    """
        },
    ),
}

CONFIGURING = {
    "a wide ini": Way(status=PASSED, words=("*1 passed*",), ini=["trtperf_tolerance = 0.5"]),
    "a wide variable": Way(
        status=PASSED, words=("*1 passed*",), environment={"TRTPERF_TOLERANCE": "0.5"}
    ),
    "a bad option": Way(
        status=USAGE, words=("*tolerance*",), arguments=["--trtperf-tolerance=wide"], process=True
    ),
    "a bad variable": Way(
        status=USAGE,
        words=("*TRTPERF_TOLERANCE*",),
        process=True,
        environment={"TRTPERF_TOLERANCE": "wide"},
    ),
    "an unknown backend": Way(
        status=USAGE,
        words=("*nothing_such*",),
        process=True,
        arguments=["--trtperf-backend=nothing_such"],
    ),
    "an unknown option": Way(
        status=USAGE,
        words=("*--trtperf-tolerence*",),
        process=True,
        arguments=["--trtperf-tolerence=1"],
    ),
    "missing": MISSING,
    "missing, required": Way(
        words=("*has no baseline*--trtperf-require-baseline asks for one*",),
        prepare=_remove,
        arguments=["--trtperf-require-baseline"],
        with_workers=True,
    ),
    "missing, strict": _strict(MISSING, "*has no baseline*--trtperf-strict asks for one*"),
    "of another GPU": Way(status=PASSED, words=(NO_BASELINE,), prepare=_as_other_class),
    "of another GPU, required": Way(
        words=("*has no baseline*",),
        prepare=_as_other_class,
        arguments=["--trtperf-require-baseline"],
    ),
    "another test's": Way(
        status=PASSED,
        words=(NO_BASELINE,),
        recorded=PLAIN.replace("test_it", "test_that"),
    ),
    "a cut file": Way(words=("*test_perf.json*",), prepare=_cut, with_workers=True),
    "an empty file": Way(words=("*test_perf.json*",), prepare=_write("")),
    "an empty object": Way(words=("*test_perf.json*",), prepare=_write("{}")),
    "a list": Way(words=("*test_perf.json*",), prepare=_write("[]")),
    "no entries": Way(
        status=PASSED,
        words=(NO_BASELINE,),
        prepare=lambda path: [
            file.write_text(json.dumps({**json.loads(file.read_text()), "entries": {}}))
            for file in _baselines(path)
        ],
    ),
    "a merge conflict": Way(
        words=("*test_perf.json*",),
        prepare=lambda path: [
            file.write_text(f"<<<<<<< ours\n{file.read_text()}=======\n>>>>>>> theirs\n")
            for file in _baselines(path)
        ],
    ),
    "a later format": Way(words=("*test_perf.json*99*",), prepare=_future),
    "no runs": Way(
        words=("*test_perf.json*",), prepare=_rewrite(lambda entry: entry.update(runs=[]))
    ),
    "no rounds": Way(
        words=("*test_perf.json*",),
        prepare=_rewrite(lambda entry: entry["runs"][0].update(sessions=[])),
    ),
    "a throughput of nothing": Way(
        words=("*test_perf.json*",), prepare=_rounds(lambda one: one.update(throughput=0))
    ),
    "a negative throughput": Way(
        words=("*test_perf.json*",), prepare=_rounds(lambda one: one.update(throughput=-1.0))
    ),
    "no number": Way(
        words=("*test_perf.json*",),
        prepare=_rounds(lambda one: one.update(throughput=float("nan"))),
    ),
    "infinity": Way(
        words=("*test_perf.json*",),
        prepare=_rounds(lambda one: one.update(throughput=float("inf"))),
    ),
    "text": Way(
        words=("*test_perf.json*",), prepare=_rounds(lambda one: one.update(throughput="fast"))
    ),
    "no queries": Way(
        words=("*test_perf.json*",), prepare=_rounds(lambda one: one.update(queries=0))
    ),
    "another mode": Way(
        words=("*mode*streams*",),
        prepare=_rewrite(lambda entry: entry["mode"].update(streams=4)),
    ),
    "other shapes": Way(
        words=("*shape of x*",),
        prepare=_rewrite(lambda entry: entry.update(shapes={"x": [7]})),
    ),
    "against nothing": Way(
        status=USAGE,
        words=("*nothing.json*",),
        process=True,
        arguments=["--trtperf-against=nothing.json"],
    ),
    "against a baseline": Way(
        status=USAGE,
        words=("*test_perf.json*",),
        process=True,
        arguments=["--trtperf-against=perf-baselines/fake-gpu/fake/test_perf.json"],
    ),
    "other software": Way(
        prepare=_rewrite(lambda entry: entry["runs"][-1]["software"].update(fake="0")),
    ),
    "without references": Way(arguments=["--trtperf-race=never"], with_workers=True),
    "raced always": Way(arguments=["--trtperf-race=always"]),
    "an environment that may be slower": Way(arguments=["--trtperf-environment=warn"]),
}

INTERRUPTING = {
    "Ctrl-C afterwards": Way(
        PLAIN + "\n    def test_last():\n        raise KeyboardInterrupt\n",
        INTERRUPTED,
        ("*KeyboardInterrupt*",),
        process=True,
        recorded=PLAIN,
    ),
    "pytest.exit": STOPS,
    "pytest.exit in the test": Way(
        AFTER.format(after='pytest.exit("enough", returncode=0)'),
        NOTHING,
        ("*stopped before all tests had run*",),
        recorded=PLAIN,
    ),
    "another test fails first": Way(
        "    def test_first():\n        assert 0\n" + PLAIN,
        words=("*assert 0*",),
        recorded=PLAIN,
        arguments=["-x"],
    ),
    "another test fails afterwards": Way(
        PLAIN + "\n    def test_last():\n        assert 0\n",
        words=("*assert 0*",),
        recorded=PLAIN,
        arguments=["-x"],
    ),
    "no time": NO_TIME,
    "no time, strict": _strict(NO_TIME, "*no time left*--trtperf-strict fails it*"),
    "a session that ends": Way(
        PLAIN,
        words=("*enough*",),
        status=INTERRUPTED,
        recorded=PLAIN,
        files={
            "test_a_first.py": """
    def test_first(request):
        if request.config.getoption("trtperf_update") is not True:
            request.session.shouldstop = "enough"
    """
        },
    ),
    "a worker that crashes": Way(
        PLAIN + "\n    def test_last():\n        import os\n        os._exit(0)\n",
        words=("*crashed*",),
        recorded=PLAIN,
        arguments=["-n1"],
        process=True,
    ),
}

WAYS = {
    f"{group}: {name}": way
    for group, ways in {
        "writing": WRITING,
        "selecting": SELECTING,
        "configuring": CONFIGURING,
        "interrupting": INTERRUPTING,
    }.items()
    for name, way in ways.items()
}


def module(source: str) -> str:
    """A test module of a way."""
    return textwrap.dedent(source)
