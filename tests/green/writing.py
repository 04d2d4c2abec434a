"""Ways of writing a test: where it stands, and what measures in it."""

from __future__ import annotations

from tests.green.way import PLAIN, Way

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
