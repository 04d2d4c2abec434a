"""`--trtperf-changed-only` with tests that are out of the ordinary: in doubt they are measured."""

from __future__ import annotations

import json
import os

import pytest

from tests.plugin.changed import ONLY, edit, is_unchanged, measured_since, run, why

MEASURES = """
    import pytest

    {before}
    def test_model(trt_engine, trt_measure{fixtures}):
        perf = trt_measure(trt_engine("model.onnx"), shapes={{"x": (8, 256)}})
        {body}
"""


def write(project, body="perf.assert_p99(ms=100)", *, before="", fixtures=""):
    project.model()
    project.tests(MEASURES.format(body=body, before=before, fixtures=fixtures))


def test_marks_that_decide_what_becomes_of_a_test(project):
    write(project)
    project.record()
    edit(project, "def test_model", "@pytest.mark.xfail\ndef test_model")
    result = run(project)
    result.assert_outcomes(xpassed=1)
    assert why(result) == ["it is marked xfail"]
    edit(project, "xfail", "xfail(strict=True)")
    run(project).assert_outcomes(failed=1)
    edit(project, "xfail(strict=True)", "skip(reason='not now')")
    result = run(project)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * test_perf.py:*: not now"])
    result.stdout.no_fnmatch_line("*not measured: unchanged*")


def test_a_mark_that_a_fixture_adds(project):
    before = """
    @pytest.fixture(autouse=True)
    def mark(request):
        request.applymarker(pytest.mark.trtperf(tolerance=0.3))
    """
    write(project, before=before)
    project.record()
    assert is_unchanged(project)
    edit(project, "pytest.mark.trtperf(tolerance=0.3)", "pytest.mark.xfail")
    result = run(project)
    assert why(result) == ["it is marked xfail"]


@pytest.mark.parametrize(
    "body",
    [
        "pytest.skip('by itself')",
        "pytest.xfail('by itself')",
        "pytest.fail('by itself')",
        "pytest.importorskip('no_such_module')",
    ],
)
def test_a_test_that_ends_itself_does_so(project, body):
    write(project)
    project.record()
    write(project, body)
    result = run(project)
    assert not result.parseoutcomes().get("passed")
    result.stdout.no_fnmatch_line("*not measured: unchanged*")


def test_a_budget_that_is_expected_to_be_missed(project):
    write(
        project, "with pytest.raises(AssertionError): perf.assert_p99(ms=1e-6)\n        assert True"
    )
    project.record()
    assert measured_since(project) == "it did not pass without numbers"


def test_a_failed_budget_that_was_caught(project):
    write(project, "try: perf.assert_p99(ms=1e-6)\n        except AssertionError: pass")
    project.record()
    assert measured_since(project).startswith("the baseline does not say all")


def test_a_budget_from_the_environment(project, monkeypatch):
    monkeypatch.setenv("LIMIT", "100")
    write(project, "perf.assert_p99(ms=float(__import__('os').environ['LIMIT']))")
    project.record()
    assert is_unchanged(project)
    monkeypatch.setenv("LIMIT", "10")
    assert measured_since(project) == "budget P99 of latency 100.0 -> 10.0"


def test_a_fixture_that_reads_numbers_when_it_is_torn_down(project):
    before = """
    @pytest.fixture
    def perfs(trt_measure):
        found = []
        yield found
        assert all(perf.p99 < 100 for perf in found)
    """
    write(project, "perfs.append(perf)", before=before, fixtures=", perfs")
    project.record()
    assert measured_since(project) == "the test reads numbers"


def test_a_fixture_that_measures_and_parameters_with_names(project):
    before = """
    @pytest.fixture
    def limit():
        return 100

    @pytest.fixture
    def other(trt_engine, trt_measure, limit, size):
        perf = trt_measure(trt_engine("model.onnx"), {"x": (size, 256)}, name="other")
        perf.assert_p99(ms=limit)

    @pytest.mark.parametrize("size", [4], ids=["small"])
    """
    write(project, before=before, fixtures=", other")
    project.record()
    assert is_unchanged(project)
    edit(project, "[4]", "[2]")
    assert measured_since(project) == "shape of x 4x256 -> 2x256"
    edit(project, "[2]", "[4]")
    edit(project, "return 100", "return 101")
    assert "budget P99 of latency 100.0 -> 101.0" in measured_since(project)


def test_a_result_that_is_kept_for_another_test_fails_there(project):
    project.model()
    project.tests(
        """
        KEPT = []

        def test_model(trt_engine, trt_measure):
            KEPT.append(trt_measure(trt_engine("model.onnx"), shapes={"x": (8, 256)}))

        def test_number():
            assert KEPT[-1].p99 < 100

        def test_budget():
            KEPT[-1].assert_p99(ms=100)
        """
    )
    project.record()
    result = run(project)
    result.assert_outcomes(skipped=1, failed=2)
    result.stdout.fnmatch_lines(["*MeasurementError: *test_model was not measured, since *"])


def test_a_hook_that_holds_measurements_to_limits(project):
    conftest = "def pytest_trtperf_measured(record):\n    assert record.throughput > {}\n"
    write(project)
    project.pytester.makeconftest(conftest.format(1))
    project.record()
    assert is_unchanged(project)
    project.pytester.makeconftest(conftest.format(1e9))
    result = run(project)
    assert result.ret == 1
    assert why(result) == ["other code of the test, its fixtures or hooks"]


def test_classes_and_those_of_unittest(project):
    project.model()
    project.tests(
        """
        import unittest
        import pytest

        class TestPlain:
            def test_model(self, trt_engine, trt_measure):
                trt_measure(trt_engine("model.onnx"), {"x": (8, 256)})

        class TestOlder(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def take(self, trt_engine, trt_measure):
                self.engine, self.measure = trt_engine("model.onnx"), trt_measure

            def test_model(self):
                self.measure(self.engine, {"x": (8, 256)})
        """
    )
    project.record()
    result = run(project)
    result.assert_outcomes(skipped=1, passed=1)
    assert why(result) == ["it is no test function of pytest"]


def test_what_a_test_leaves_behind_is_there_once(project):
    before = """
    import warnings
    SET_UP = []

    @pytest.fixture
    def counts(tmp_path):
        SET_UP.append(tmp_path)
        yield
        SET_UP.pop()
    """
    body = """
        (__import__("pathlib").Path(tmp_path) / "once").mkdir()
        record_property("a", "b")
        print("printed once")
        warnings.warn("warned once")
        assert len(SET_UP) == 1
        assert not any(one[0] == "c" for one in request.node.user_properties)
        request.node.user_properties.append(("c", "d"))
        perf.assert_p99(ms={limit})
    """
    fixtures = ", tmp_path, record_property, counts, request"
    write(project, body.format(limit=100), before=before, fixtures=fixtures)
    project.record()
    assert is_unchanged(project)
    write(project, body.format(limit=99), before=before, fixtures=fixtures)
    result = run(project, "-rP", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1)
    assert result.stdout.str().count("UserWarning: warned once") == 1
    assert result.stdout.str().count("printed once") == 1
    assert (project.path / "junit.xml").read_text().count('name="a"') == 1


def test_a_fixture_of_the_module_is_set_up_once(project):
    before = """
    MADE = []

    @pytest.fixture(scope="module")
    def engine(trt_engine):
        MADE.append(1)
        assert len(MADE) == 1
        return trt_engine("model.onnx")
    """
    write(project, "trt_measure(engine, {'x': (4, 256)}, name='b')", before=before,
          fixtures=", engine")  # fmt: skip
    project.record()
    assert is_unchanged(project)
    result = run(project, "--trtperf-seed=1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*measured: seed none -> 1*"])


def test_beside_a_plugin_that_runs_tests_in_a_way_of_its_own(project):
    project.pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            for report in runtestprotocol(item, nextitem=nextitem, log=False):
                item.ihook.pytest_runtest_logreport(report=report)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            return True
        """
    )
    write(project)
    project.record()
    assert is_unchanged(project)
    edit(project, "ms=100", "ms=99")
    assert measured_since(project).startswith("budget P99 of latency")


def test_a_record_in_the_place_of_baselines(project):
    write(project)
    project.run("--trtperf-json=old.json").assert_outcomes(passed=1)
    assert is_unchanged(project, "--trtperf-against=old.json")
    edit(project, "ms=100", "ms=99")
    found = measured_since(project, "--trtperf-against=old.json")
    assert found.startswith("budget P99 of latency 100.0 -> 99.0")


def test_a_test_that_only_has_an_engine_runs(project):
    project.model()
    project.tests("def test_inputs(trt_engine):\n    assert trt_engine('model.onnx').inputs")
    result = run(project)
    result.assert_outcomes(passed=1)
    assert why(result) == ["it measures nothing"]


def test_only_fixtures_run(project):
    write(project, "assert False, 'the body runs'")
    result = project.run(ONLY, "--setup-only")
    result.stdout.no_fnmatch_line("*the body runs*")


def test_junit_has_it_skipped(project):
    write(project)
    project.record()
    assert is_unchanged(project, "--junitxml=junit.xml")
    text = (project.path / "junit.xml").read_text()
    assert 'skipped="1"' in text
    assert 'message="trtperf: unchanged"' in text


def test_its_reference_stays_in_use(project):
    write(project)
    project.record()
    references = project.path.parent / f"{project.path.name}-state" / "cache" / "references"
    files = [path for path in references.rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (1, 1))
    assert is_unchanged(project)
    assert max(path.stat().st_mtime for path in files) > 1


def test_the_summary_of_a_step_counts_it(project, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    write(project)
    project.record()
    assert is_unchanged(project)
    text = (tmp_path / "summary.md").read_text()
    assert "- 1 test was not measured: unchanged since the baseline\n" in text


def test_workers_skip_and_measure(project):
    pytest.importorskip("xdist")
    project.model()
    project.tests(
        f"""
        import pytest

        @pytest.mark.parametrize("batch", [1, 2, 4, 8])
        def test_model(trt_engine, trt_measure, batch):
            limit = 100 if batch > 1 else {100}
            perf = trt_measure(trt_engine("model.onnx"), shapes={{"x": (batch, 256)}})
            perf.assert_p99(ms=limit)
        """
    )
    project.record("-n2", process=True)
    assert is_unchanged(project, "-n2", process=True)
    edit(project, "else 100", "else 99")
    edit(project, "if batch > 1", "if batch  >  1")
    result = run(project, "-n2", process=True)
    result.assert_outcomes(passed=4)
    assert any(one.startswith("budget P99 of latency 100.0 -> 99.0") for one in why(result))
    (file,) = project.baseline_files()
    content = json.loads(file.read_text())
    assert len(content["entries"]) == 4
