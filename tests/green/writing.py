"""Ways of writing a test."""

from __future__ import annotations

from tests.green.way import AFTER, PASSED, PLAIN, Way, strict

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
    "a thread that outlives the body": Way(
        """
    import threading
    class Shapes(dict):
        def __bool__(self):
            begun.set()
            threading.Event().wait(0.5)
            return False
    begun = threading.Event()
    def test_it(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        threading.Thread(target=trt_measure, args=[engine, Shapes()]).start()
        begun.wait()
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
    "skips afterwards, strict": strict(
        SKIPS, "*skipped: not compared (*test_it)*--trtperf-strict fails it*"
    ),
    "a TestCase skips afterwards": SKIPS_CASE,
    "a TestCase skips afterwards, strict": strict(SKIPS_CASE, SKIPPED_STRICT),
    "fails afterwards": Way(AFTER.format(after="assert 0"), words=("*assert 0*",), recorded=PLAIN),
    "ends the process's thread": Way(
        AFTER.format(after="raise SystemExit(0)"),
        words=("*SystemExit*",),
        recorded=PLAIN,
    ),
    "xfail": XFAIL,
    "xfail, strict": strict(XFAIL, "*test_it*--trtperf-strict fails it*"),
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
    "a suppressed comparison of another tolerance, strict": strict(
        NARROW_SUPPRESSED, "*test caught this failure*--trtperf-strict fails it*"
    ),
    "a suppressed budget": BUDGET_SUPPRESSED,
    "a suppressed budget, strict": strict(
        BUDGET_SUPPRESSED, "*test caught this failure*--trtperf-strict fails it*"
    ),
    "an expected budget": BUDGET_EXPECTED,
    "an expected budget, strict": strict(
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
    "never measures, strict": strict(
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
