"""Subtests of pytest and unittest: one that fails is a failure of its test."""

from __future__ import annotations

import pytest

from tests.plugin.outputs import WORKERS, junit, read

SUBTESTS = {
    "fixture": """
        def test_sub(trt_engine, trt_measure, subtests):
            engine = trt_engine("model.onnx")
            for batch in (8, 16, 32):
                with subtests.test(batch=batch):
                    perf = trt_measure(engine, shapes={"x": (batch, 256)}, name=f"b{batch}")
                    perf.assert_p99(ms=1e-6 if batch == 16 else 1000)
        """,
    "unittest": """
        import unittest
        import pytest

        class TestSub(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _perf(self, trt_engine, trt_measure):
                self.engine, self.measure = trt_engine("model.onnx"), trt_measure

            def test_sub(self):
                for batch in (8, 16, 32):
                    with self.subTest(batch=batch):
                        shapes = {"x": (batch, 256)}
                        perf = self.measure(self.engine, shapes=shapes, name=f"b{batch}")
                        perf.assert_p99(ms=1e-6 if batch == 16 else 1000)
        """,
}


@pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="pytest has subtests since 9.0")
@pytest.mark.parametrize("how", SUBTESTS)
@WORKERS
def test_of_a_failed_subtest_nothing_is_recorded(project, how, workers):
    project.model()
    project.tests(SUBTESTS[how])
    options = ("--trtperf-update", "--trtperf-json=run.json", "--junitxml=run.xml")
    assert project.run(*options, *workers).ret == 1
    assert project.baselines() == {}
    content = read(project)
    (test,) = content["tests"]
    assert test["outcome"] == "failed"
    (failed,) = test["failed_subtests"]
    assert failed.startswith("(batch=16) b16: P99 of latency")
    assert test["reason"] == failed
    assert [one["key"].partition("#")[2] for one in content["measurements"]] == ["b8", "b16", "b32"]
    assert {one["baseline"] for one in content["measurements"]} == {"not recorded"}
    (found,) = [found for name, found in junit(project).items() if name.endswith("test_sub")]
    names = [name for name, _ in found]
    assert len(names) == len(set(names))
    assert dict(found)["trtperf[b16].baseline"] == "not recorded (test failed)"


@pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="pytest has subtests since 9.0")
def test_a_failed_subtest_is_named_as_it_names_itself(project):
    project.model()
    project.tests(
        """
        def test_sub(trt_engine, trt_measure, subtests):
            trt_measure(trt_engine("model.onnx"))
            both = {"x": "a", "long": 900 * "y"}
            for name, values in (("plain", {}), (None, {}), ("both", both)):
                with subtests.test(name, **values):
                    assert 1 == 2, "no"
        """
    )
    assert project.run("--trtperf-json=run.json").ret == 1
    plain, unnamed, both = read(project)["tests"][0]["failed_subtests"]
    assert plain.startswith("[plain] no")
    assert unnamed.startswith("no")
    assert both.startswith("[both] (x='a', long='yyy")
    assert len(both) <= 300


@pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="pytest has subtests since 9.0")
def test_subtests_that_pass_are_recorded(project):
    project.model()
    project.tests(SUBTESTS["fixture"].replace("1e-6", "1000"))
    assert project.run("--trtperf-update", "--trtperf-json=run.json").ret == 0
    assert len(project.baselines()) == 3
    assert read(project)["tests"][0]["failed_subtests"] == []
