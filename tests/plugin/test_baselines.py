"""Baselines: recorded, compared, required, and refused."""

from __future__ import annotations

import json

import pytest

from tests.plain_records import rounds_of
from tests.plugin.bodies import KEY, TWO_TESTS


def test_update_writes_what_a_reviewer_can_read(repository):
    result = repository.run("--trtperf-update")
    assert result.ret == 0
    (path,) = repository.baseline_files()
    assert path.relative_to(repository.path).match("perf-baselines/fake-gpu/fake/test_perf.json")
    result.stdout.fnmatch_lines([f"baseline written: {path}"])
    entry = json.loads(path.read_text())["entries"][KEY]
    assert entry["shapes"] == {"x": [64, 256]}
    (run,) = entry["runs"]
    assert len(rounds_of(run)) >= 5
    assert len(rounds_of(run)[0]["quantiles"]["latency"]) == 21
    assert list(path.parent.iterdir()) == [path]


def test_update_adds_a_run_and_replaces_what_another_engine_left(repository):
    repository.run("--trtperf-update")
    repository.run("--trtperf-update")
    assert len(repository.baselines()[KEY]["runs"]) == 2
    repository.model(layers=3)
    repository.run("--trtperf-update")
    assert len(repository.baselines()[KEY]["runs"]) == 1


def test_update_new_only_adds(repository):
    repository.record()
    before = repository.baselines()
    repository.tests(TWO_TESTS)
    assert repository.run("--trtperf-update-new").ret == 0
    after = repository.baselines()
    assert after[KEY] == before[KEY]
    assert set(after) == {KEY, "test_perf.py::test_other"}


def test_doubtful_baseline_is_reported_when_it_is_written(repository):
    result = repository.run("--trtperf-update", "--trtperf-max-warm-up=0.05")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"{KEY}: recorded before the numbers were steady: 1 of *"])


def test_failed_test_is_not_recorded(repository):
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}).assert_p99(ms=1e-4)
        """
    )
    assert repository.run("--trtperf-update").ret == 1
    assert repository.baseline_files() == []


def test_missing_baselines_are_listed_loudly(repository):
    result = repository.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [f"{KEY} *missing*", "WITHOUT A BASELINE, nothing was compared (1):", f"  {KEY}"]
    )


def test_required_baseline_fails_without_one(repository):
    result = repository.run("--trtperf-require-baseline")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{KEY} has no baseline for Fake GPU*--trtperf-update-new*"])
    repository.record()
    assert repository.run("--trtperf-require-baseline").ret == 0


def test_opting_out_neither_compares_nor_records(repository):
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, baseline=False)
        """
    )
    assert repository.run("--trtperf-update").ret == 0
    assert repository.baseline_files() == []
    repository.run("--trtperf-require-baseline").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("source", "difference"),
    [("seed=3", "seed*3*0"), ('shapes={"x": (32, 256)}', "shape*x*32*64")],
)
def test_another_mode_is_not_compared_and_fails(repository, source, difference):
    repository.record()
    shapes = "" if "shapes" in source else ', shapes={"x": (64, 256)}'
    repository.tests(
        f"""
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"){shapes}, {source})
        """
    )
    result = repository.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*another mode*{difference}*--trtperf-update*"])


def test_own_comparison_replaces_the_automatic_one(repository):
    repository.model(layers=10)
    repository.run("--trtperf-update")
    repository.model(layers=14)
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            perf.assert_no_regression(tolerance=0.9)
        """
    )
    repository.run().assert_outcomes(passed=1)


def test_own_comparison_that_failed_replaces_nothing(repository):
    repository.run("--trtperf-update")
    repository.model(layers=60)
    repository.tests(
        """
        import pytest

        def test_model(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            with pytest.raises(AssertionError, match="gpu_compute median regressed"):
                perf.assert_no_regression(tolerance={"median": 0.5})
        """
    )
    result = repository.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAIL gpu_compute median, latency P99, throughput"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{ not json", "*test_perf.json*"),
        ("", "*test_perf.json*"),
        (
            '{"schema": "trtperf-baseline/99", "entries": {}}',
            "*test_perf.json*trtperf-baseline/99*",
        ),
    ],
    ids=["broken", "empty", "foreign"],
)
@pytest.mark.parametrize("update", [(), ("--trtperf-update",)], ids=["compare", "update"])
def test_unreadable_file_is_named_and_never_overwritten(repository, content, message, update):
    repository.run("--trtperf-update")
    (path,) = repository.baseline_files()
    path.write_text(content)
    result = repository.run(*update)
    assert result.ret == 1
    result.stdout.fnmatch_lines([message])
    assert path.read_text() == content
    errors = [line for line in result.outlines if line.startswith("ERROR: ")]
    assert len(errors) == len(set(errors)) == 1


def test_error_is_shown_at_the_line_of_the_test_alone(repository):
    repository.run("--trtperf-update")
    (path,) = repository.baseline_files()
    path.write_text("{ not json")
    failed = repository.run()
    failed.stdout.fnmatch_lines([">*trt_measure(*", "E  *BaselineError: *", "test_perf.py:*"])
    failed.stdout.no_fnmatch_line("*direct cause*")
    failed.stdout.no_fnmatch_line("*schema.py*")
    repository.run("--full-trace").stdout.fnmatch_lines(["*direct cause*", "*schema.py*"])


def test_baselines_above_the_repository_are_not_used(project):
    repository = project.path / "repository"
    repository.mkdir()
    model = project.model().rename(repository / "model.onnx")
    (project.path / "perf-baselines").mkdir(exist_ok=True)
    source = project.tests().rename(repository / "test_perf.py")
    source.write_text(source.read_text().replace('"model.onnx"', repr(str(model))))
    result = project.run("--trtperf-update", "--rootdir=repository", "repository/test_perf.py")
    assert result.ret == 0
    assert not list((project.path / "perf-baselines").iterdir())
    assert list((repository / "perf-baselines").rglob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a", "b"], "*/b/test_perf.py would share the baselines of */a/test_perf.py, since it*"),
        (["root", "a"], "*/a/test_perf.py would share the baselines of */root/test_perf.py, *"),
        (["a"], "*/a/test_perf.py would share the baselines of */root/test_perf.py, *"),
        (["b/test_perf.py"], "*/b/test_perf.py has no name in the ids of its tests, since *"),
    ],
)
def test_a_module_outside_of_rootdir_shares_no_baseline(project, arguments, words):
    source = project.tests().read_text().replace('"model.onnx"', repr(str(project.model())))
    for name in ("a", "b", "root"):
        folder = project.path / name
        folder.mkdir()
        if name != "root" or "b" not in arguments:
            (folder / "test_perf.py").write_text(source)
    (project.path / "perf-baselines").rename(project.path / "root" / "perf-baselines")
    options = ("--import-mode=importlib", "--trtperf-update")
    result = project.run(*options, "--rootdir=root", *arguments)
    assert result.ret == 1
    result.stdout.fnmatch_lines([words])
    (project.path / "root" / "test_perf.py").unlink(missing_ok=True)
    assert project.run(*options, "--rootdir=root", "a").ret == 0
    assert project.run(*options, "--rootdir=.", "a", "b").ret == 0


def test_keys_do_not_move_with_rootdir(project):
    tests = project.path / "repository" / "tests"
    tests.mkdir(parents=True)
    model = project.model().rename(tests.parent / "model.onnx")
    (tests.parent / "perf-baselines").mkdir()
    (tests.parent / ".git").mkdir()
    source = project.tests().rename(tests / "test_perf.py")
    source.write_text(source.read_text().replace('"model.onnx"', repr(str(model))))
    from_above = ("--rootdir=.", "repository/tests/test_perf.py")
    assert project.run("--trtperf-update", *from_above).ret == 0
    (path,) = (tests.parent / "perf-baselines").rglob("*.json")
    assert path.match("fake/tests/test_perf.json")
    assert set(json.loads(path.read_text())["entries"]) == {f"tests/{KEY}"}
    for rootdir in ("repository", "repository/tests"):
        result = project.run(
            "--trtperf-update", f"--rootdir={rootdir}", "repository/tests/test_perf.py"
        )
        assert result.ret == 0
        result.stdout.no_fnmatch_line("stale *")
    entries = json.loads(path.read_text())["entries"]
    assert set(entries) == {f"tests/{KEY}"}
    assert len(entries[f"tests/{KEY}"]["runs"]) == 3


def test_baseline_directory_may_be_named(repository):
    repository.run("--trtperf-update", "--trtperf-baseline-dir=elsewhere")
    assert repository.baseline_files() == []
    assert len(list((repository.path / "elsewhere").rglob("*.json"))) == 1


def test_baselines_of_a_read_only_directory_are_an_error(repository):
    (repository.path / "taken").write_text("a file")
    result = repository.run("--trtperf-update", "--trtperf-baseline-dir=taken")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR: baseline *taken*--trtperf-baseline-dir*"])
