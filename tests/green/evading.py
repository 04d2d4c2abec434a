"""Ways in which a test evades a verdict: skips, expected failures, caught errors, wide limits."""

from __future__ import annotations

from dataclasses import replace

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

NO_FIGURE = Way(
    """
    def test_it(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"), baseline=False)
        perf.assert_energy_per_query(mj=5)
    """, PASSED,
    ("*energy per query is not judged on *no such figure here*",
     "*1 of 1 measurement was not decided: 1 no figure (test_it)*"), with_workers=True,
)  # fmt: skip
NO_FIGURE_OK = replace(
    NO_FIGURE,
    body=NO_FIGURE.body.replace("mj=5", "mj=5, missing_ok=True"),
    words=NO_FIGURE.words[:1],
    with_workers=False,
)

NEVER_MEASURES = Way(
    """
    def test_it(trt_engine, trt_measure):
        pass
    def test_other(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), baseline=False)
    """, PASSED,
    ("*1 test has trt_measure and measured nothing (test_it)*",), with_workers=True,
)  # fmt: skip

EVADING = {
    "skips afterwards": SKIPS,
    "skips afterwards, strict": strict(SKIPS, SKIPPED_STRICT),
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
    "a budget of what is not known": NO_FIGURE,
    "a budget of what is not known, strict": strict(NO_FIGURE, "*--trtperf-strict fails it*"),
    "a budget of what may be missing": NO_FIGURE_OK,
    "a budget of what may be missing, strict": replace(
        NO_FIGURE_OK, arguments=("--trtperf-strict",)
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
}
