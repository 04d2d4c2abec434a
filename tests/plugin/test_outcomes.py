"""What a run says of each test agrees with pytest, in the record and in all that is made of it."""

from __future__ import annotations

import pytest

from tests.plugin.outputs import WORKERS, junit, read

EVERY_OUTCOME = """
    import pytest

    def measure(trt_engine, trt_measure):
        return trt_measure(trt_engine("model.onnx"), shapes={"x": (16, 256)})

    def test_passes(trt_engine, trt_measure):
        measure(trt_engine, trt_measure)

    def test_misses(trt_engine, trt_measure):
        measure(trt_engine, trt_measure).assert_p99(ms=1e-4)

    def test_expects(trt_engine, trt_measure):
        with pytest.raises(AssertionError):
            measure(trt_engine, trt_measure).assert_p99(ms=1e-4)

    @pytest.mark.xfail(reason="slow since driver 580")
    def test_xfails(trt_engine, trt_measure):
        measure(trt_engine, trt_measure).assert_p99(ms=1e-4)

    @pytest.mark.xfail
    def test_xpasses(trt_engine, trt_measure):
        measure(trt_engine, trt_measure)

    def test_skips(trt_engine, trt_measure):
        measure(trt_engine, trt_measure)
        pytest.skip("no input data")

    @pytest.mark.skip(reason="trtperf: unchanged since main")
    def test_unchanged(trt_engine, trt_measure):
        measure(trt_engine, trt_measure)

    def test_does_not_build(trt_engine, trt_measure):
        trt_engine("absent.onnx")

    @pytest.fixture
    def broken():
        raise RuntimeError("no such server")

    def test_is_not_set_up(broken, trt_engine, trt_measure):
        pass

    @pytest.fixture
    def stuck():
        yield
        raise RuntimeError("cannot stop")

    def test_is_not_torn_down(stuck, trt_engine, trt_measure):
        measure(trt_engine, trt_measure)

    def test_of_somebody_else():
        assert False
"""

OUTCOMES = {
    "test_passes": ("passed", ""),
    "test_misses": ("failed", "P99 of latency "),
    "test_expects": ("passed", ""),
    "test_xfails": ("xfailed", "P99 of latency "),
    "test_xpasses": ("xpassed", ""),
    "test_skips": ("skipped", "no input data"),
    "test_unchanged": ("skipped", "trtperf: unchanged since main"),
    "test_does_not_build": ("failed", ""),
    "test_is_not_set_up": ("error", "RuntimeError: no such server"),
    "test_is_not_torn_down": ("error", "RuntimeError: cannot stop"),
}
BASELINES = {
    "test_passes": "recorded",
    "test_misses": "not recorded (test failed)",
    "test_expects": "recorded",
    "test_xfails": "not recorded (test xfailed)",
    "test_xpasses": "recorded",
    "test_skips": "not recorded (test skipped)",
    "test_is_not_torn_down": "not recorded (test error)",
}


def named(content):
    """The tests of a record by their names."""
    return {one["test"].partition("::")[2]: one for one in content["tests"]}


@pytest.fixture
def every_outcome(project):
    project.model()
    project.tests(EVERY_OUTCOME)
    return project


@WORKERS
def test_the_record_has_each_test_that_measures_with_its_outcome(every_outcome, workers):
    result = every_outcome.run("--trtperf-json=run.json", *workers)
    result.assert_outcomes(passed=3, failed=3, errors=2, skipped=2, xfailed=1, xpassed=1)
    content = read(every_outcome)
    tests = named(content)
    assert {name: one["outcome"] for name, one in tests.items()} == {
        name: outcome for name, (outcome, _) in OUTCOMES.items()
    }
    for name, (_, reason) in OUTCOMES.items():
        assert tests[name]["reason"].startswith(reason), name
    assert "absent.onnx" in tests["test_does_not_build"]["reason"]
    assert all(one["line"] for one in tests.values())
    assert tests["test_passes"]["seconds"].keys() == {"setup", "call", "teardown"}
    assert tests["test_is_not_set_up"]["seconds"].keys() == {"setup", "teardown"}
    (swallowed,) = tests["test_expects"]["swallowed"]
    assert "misses its budget" in swallowed
    assert [name for name, one in tests.items() if one["swallowed"]] == [
        "test_expects",
        "test_xfails",
    ]
    outcomes = {one["test"].partition("::")[2]: one["outcome"] for one in content["measurements"]}
    assert outcomes == {name: OUTCOMES[name][0] for name in BASELINES}


@WORKERS
def test_what_is_said_to_be_recorded_is_in_the_baselines(every_outcome, workers):
    options = ("--trtperf-update", "--trtperf-json=run.json", "--junitxml=run.xml")
    result = every_outcome.run(*options, *workers)
    measurements = read(every_outcome)["measurements"]
    stated = {
        one["test"].partition("::")[2]: one["baseline"]
        + (f" ({one['baseline_why']})" if one["baseline_why"] else "")
        for one in measurements
    }
    assert stated == BASELINES
    recorded = {key.partition("::")[2] for key in every_outcome.baselines()}
    assert recorded == {name for name, state in BASELINES.items() if state == "recorded"}
    cases = junit(every_outcome)
    for name, state in BASELINES.items():
        assert dict(cases[name])["trtperf.baseline"] == state, name
    result.stdout.fnmatch_lines(["test_perf.py::test_misses *not recorded (test failed)*FAIL P99*"])


def test_github_reports_what_pytest_says_has_failed(every_outcome, monkeypatch):
    summary = every_outcome.path.parent / f"{every_outcome.path.name}-summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(every_outcome.path))
    result = every_outcome.run()
    errors = [line for line in result.outlines if line.startswith("::error ")]
    titles = {line.partition("title=")[2].partition("::")[0] for line in errors}
    red = ("test_misses", "test_does_not_build", "test_is_not_set_up", "test_is_not_torn_down")
    assert titles == {f"test_perf.py%3A%3A{name}" for name in red}
    assert all(",line=" in line for line in errors)
    text = summary.read_text()
    assert "tests: 2 passed, 2 failed, 2 error, 1 xfailed, 1 xpassed, 2 skipped" in text
    assert "no such server" in text
    assert "absent.onnx" in text
    assert text.count("misses its budget") == 1


def test_the_terminal_reports_what_pytest_says_has_failed(every_outcome):
    result = every_outcome.run()
    result.stdout.fnmatch_lines(
        [
            "test_perf.py::test_misses * FAIL P99 of latency",
            "test_perf.py::test_expects * swallowed P99 of latency",
            "test_perf.py::test_xfails * xfail P99 of latency",
            "swallowed by the test: test_perf.py::test_expects: P99 of latency *",
            "FAILED WITHOUT A VERDICT (3):",
            "  test_perf.py::test_does_not_build failed: *absent.onnx*",
            "  test_perf.py::test_is_not_set_up failed in set-up or teardown: RuntimeError: no *",
        ]
    )


def test_a_page_shows_tests_that_failed_without_a_measurement(every_outcome):
    pytest.importorskip("jinja2")
    every_outcome.run("--trtperf-html=run.html")
    page = (every_outcome.path / "run.html").read_text()
    failed = page.partition('<section id="failures">')[2].partition("</section>")[0]
    assert "test_does_not_build failed: " in failed
    assert "test_is_not_set_up failed in set-up or teardown: RuntimeError" in failed
    assert "test_xfails" not in failed
    assert 'class="badge swallowed"' in page


def test_a_measurement_whose_test_failed_before_is_not_compared(project):
    project.model()
    project.tests()
    project.record()
    project.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            assert not "far enough"
        """
    )
    project.run("--trtperf-json=run.json")
    (one,) = read(project)["measurements"]
    assert (one["baseline"], one["baseline_why"]) == ("not compared", "failed before")
    assert one["against"] is None


def test_what_waits_for_the_end_of_the_run_has_its_properties(project):
    project.model()
    project.tests()
    project.record()
    project.model(layers=2)
    project.run("--junitxml=run.xml", "--trtperf-json=run.json")
    (found,) = junit(project).values()
    assert dict(found)["trtperf.verdict"] == "fail"
    assert named(read(project))["test_model"]["outcome"] == "failed"


@WORKERS
def test_owner_and_labels_come_from_run_mark_call_and_properties(project, workers):
    project.model()
    project.tests(
        """
        import pytest

        @pytest.mark.trtperf(owner="vision", labels={"tier": 1, "team": "a"})
        def test_model(trt_engine, trt_measure, record_property):
            record_property("ticket", 12)
            engine = trt_engine("model.onnx")
            trt_measure(engine, shapes={"x": (8, 256)})
            trt_measure(engine, shapes={"x": (4, 256)}, name="b", labels="team=b", owner="speech")
        """
    )
    options = ("--trtperf-labels=fleet=lab", "--trtperf-json=run.json", "--junitxml=run.xml")
    assert project.run(*options, *workers).ret == 0
    content = read(project)
    (test,) = content["tests"]
    assert test["owner"] == "vision"
    assert test["labels"] == {"ticket": "12", "fleet": "lab", "tier": "1", "team": "a"}
    first, second = content["measurements"]
    assert (first["owner"], first["labels"]) == (
        "vision",
        {"fleet": "lab", "tier": "1", "team": "a"},
    )
    assert (second["owner"], second["labels"]["team"]) == ("speech", "b")
    (found,) = junit(project).values()
    assert dict(found)["trtperf.owner"] == "vision"
    assert dict(found)["trtperf[b].label.team"] == "b"


@WORKERS
def test_the_record_says_where_and_of_what_a_run_was_made(repository, monkeypatch, workers):
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CI_COMMIT_SHA", "c0ffee")
    monkeypatch.setenv("CI_COMMIT_BRANCH", "main")
    monkeypatch.setenv("CI_JOB_URL", "https://gitlab.com/j/7")
    monkeypatch.setenv("TRTPERF_HOST", "lab3")
    assert repository.run("--trtperf-json=run.json", *workers).ret == 0
    content = read(repository)
    assert (content["host"], content["branch"], content["commit"]) == ("lab3", "main", "c0ffee")
    assert content["ci"] == {"provider": "gitlab", "job_url": "https://gitlab.com/j/7"}
    (gpu,) = content["gpus"]
    assert gpu["name"] == "Fake GPU"
    (one,) = content["measurements"]
    assert (one["gpu"], one["host"]) == (gpu["uuid"], None)
    assert {"collection", "tests", "baselines"} <= content["seconds"].keys()
    assert content["started"] <= content["created"]
    assert content["complete"] is True


def test_without_a_name_the_host_is_its_gpu(repository):
    assert repository.run("--trtperf-json=run.json").ret == 0
    content = read(repository)
    assert content["host"] == content["gpus"][0]["uuid"]


@WORKERS
def test_what_was_skipped_as_unchanged_says_so(repository, workers):
    repository.record()
    options = ("--trtperf-changed-only", "--trtperf-json=run.json")
    assert repository.run(*options, *workers).ret == 0
    content = read(repository)
    (test,) = content["tests"]
    assert (test["outcome"], test["reason"]) == ("unchanged", "trtperf: unchanged")
    assert content["measurements"] == []
    assert content["complete"] is True
