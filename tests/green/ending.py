"""Ways in which a test ends before what it measured is compared, and is not red for it."""

from __future__ import annotations

from tests.green.way import AFTER, PASSED, PLAIN, REGRESSED, Way, strict

NOT_COMPARED = "*1 test measured and ended without a comparison with the baseline (*test_it)*"
SKIPPED = "*1 test measured and was then skipped: not compared (*test_it)*"

XFAILS = Way(
    AFTER.format(after='pytest.xfail("no")'),
    PASSED,
    (NOT_COMPARED,),
    recorded=PLAIN,
    with_workers=True,
)
FIXTURES = """
    import pytest
    @pytest.fixture
    def perf(trt_engine, trt_measure):
        return trt_measure(trt_engine("model.onnx"))
    @pytest.fixture
    def later(perf):
        {after}
    {mark}
    def test_it(later):
        pass
"""
SKIPS_IN_SET_UP = Way(
    FIXTURES.format(after='pytest.skip("no")', mark=""), PASSED, (SKIPPED,), recorded=PLAIN
)
CASE = """
    import pytest, unittest
    class TestIt(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _given(self, trt_engine, trt_measure):
            self.engine, self.measure = trt_engine("model.onnx"), trt_measure
        {mark}
        def test_it(self):
            self.measure(self.engine)
            {after}
"""
UNHELD = Way(
    """
    def test_it(trt_engine, trt_compare):
        trt_compare(trt_engine("model.onnx"), trt_engine("model.onnx"))
    """,
    PASSED,
    ("*1 test compared two engines and held neither to anything (test_it)*",),
    recorded=PLAIN,
)

ENDING = {
    "xfail in the body": XFAILS,
    "xfail in the body, strict": strict(XFAILS, f"{NOT_COMPARED}--trtperf-strict fails it*"),
    "xfail of a body that fails": Way(
        """
    import pytest
    @pytest.mark.xfail(raises=KeyError, reason="known")
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        raise KeyError
        """,
        PASSED,
        (NOT_COMPARED,),
        recorded=PLAIN,
        with_workers=True,
    ),
    "a TestCase that is expected to fail": Way(
        CASE.format(mark="@unittest.expectedFailure", after="assert 0"),
        PASSED,
        (NOT_COMPARED,),
        recorded=CASE.format(mark="", after="assert 1"),
    ),
    "skipped by a fixture after another measured": SKIPS_IN_SET_UP,
    "skipped by a fixture after another measured, strict": strict(
        SKIPS_IN_SET_UP, f"{SKIPPED}--trtperf-strict fails it*"
    ),
    "xfail by a fixture after another measured": Way(
        FIXTURES.format(after='pytest.xfail("no")', mark=""),
        PASSED,
        (NOT_COMPARED,),
        recorded=PLAIN,
    ),
    "xfail of a fixture that fails after another measured": Way(
        FIXTURES.format(after="raise KeyError", mark='@pytest.mark.xfail(reason="known")'),
        PASSED,
        (NOT_COMPARED,),
        recorded=PLAIN,
    ),
    "a fixture that fails after another measured": Way(
        FIXTURES.format(after="raise KeyError", mark=""),
        words=("*test_it failed in set-up*KeyError*", "*not compared (failed before)*"),
        recorded=PLAIN,
    ),
    "skips in a teardown": Way(
        """
    import pytest
    @pytest.fixture
    def late():
        yield
        pytest.skip("no")
    def test_it(late, trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
        """,
        words=(REGRESSED,),
    ),
    **{
        f"{call} in the teardown of a fixture of a {scope}": Way(
            f"""
    import pytest
    @pytest.fixture(scope="{scope}")
    def late():
        yield
        {call}("no")
    def test_it(late, trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
            """,
            recorded=PLAIN,
        )
        for call, scope in (
            ("pytest.skip", "function"),
            ("pytest.skip", "module"),
            ("pytest.xfail", "function"),
        )
    },
    "skips in a finalizer": Way(
        """
    import pytest
    def test_it(request, trt_engine, trt_measure):
        request.addfinalizer(lambda: pytest.skip("no"))
        trt_measure(trt_engine("model.onnx"))
        """,
        recorded=PLAIN,
    ),
    "skips in the hook of the teardown": Way(
        files={
            "conftest.py": """
    import pytest
    def pytest_runtest_teardown():
        pytest.skip("no")
    """
        },
    ),
    "two engines without a limit": UNHELD,
    "two engines without a limit, strict": strict(
        UNHELD, "*held neither to anything (test_it)*--trtperf-strict fails it*"
    ),
}
