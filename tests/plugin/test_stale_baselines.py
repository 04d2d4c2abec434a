"""Entries of baselines that are stale, and those that a run only left out."""

from __future__ import annotations

import pytest

from pytest_trtperf.cli import main
from tests.plugin.bodies import KEY, TWO_TESTS


def test_entry_of_a_test_that_is_gone_is_listed_and_left_to_prune(repository):
    repository.tests(TWO_TESTS)
    repository.record()
    repository.tests()
    for update in ((), ("--trtperf-update",)):
        listed = repository.run(*update)
        listed.stdout.fnmatch_lines(["*not collected (1; trtperf baseline prune *test_other"])
        assert listed.ret == 0
        assert len(repository.baselines()) == 2
    command = ("baseline", "prune", "--test", "*::test_other", "--baseline-dir", "perf-baselines")
    assert main(command) == 0
    assert set(repository.baselines()) == {KEY}
    assert "not collected" not in repository.run().stdout.str()


MODELS = """
    import os

    import pytest

    def pytest_addoption(parser):
        parser.addoption("--model", default="a,b,c")
        parser.addoption("--shard", type=int)

    def pytest_generate_tests(metafunc):
        metafunc.parametrize("model", metafunc.config.getoption("--model").split(","))

    def pytest_collection_modifyitems(config, items):
        shard = config.getoption("--shard")
        if shard is not None:
            items[:] = items[shard::3]
"""
"""Leaves out tests as pytest-shard does, without pytest_deselected, and by a parameter."""

MODEL_TEST = """
    def test_model(trt_engine, trt_measure, model):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
"""


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "worker"])
@pytest.mark.parametrize(
    ("left_out", "is_heard"), [("--shard=1", True), ("--model=b", False)], ids=["shard", "model"]
)
def test_update_removes_nothing_of_what_it_did_not_collect(repository, workers, left_out, is_heard):
    repository.tests(MODELS, name="conftest")
    repository.tests(MODEL_TEST)
    repository.record()
    result = repository.run("--trtperf-update", left_out, *workers)
    result.assert_outcomes(passed=1)
    runs = {key: len(entry["runs"]) for key, entry in repository.baselines().items()}
    assert runs == {f"{KEY}[a]": 1, f"{KEY}[b]": 2, f"{KEY}[c]": 1}
    # A plugin that takes tests out is seen to do it; that an option makes fewer is not.
    assert ("not collected (2;" in result.stdout.str()) is not is_heard


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "worker"])
@pytest.mark.parametrize(
    "selection",
    [
        ("-k", "test_model"),
        (KEY,),
        ("--deselect", "test_perf.py::test_other"),
    ],
    ids=["keyword", "node id", "deselect"],
)
def test_selected_tests_make_no_others_stale(repository, selection, workers):
    repository.tests(TWO_TESTS)
    repository.record()
    result = repository.run("--trtperf-update", *selection, *workers)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("stale *")
    result.stdout.no_fnmatch_line("*not collected (*")
    assert len(repository.baselines()) == 2


def test_last_failed_makes_no_others_stale(repository):
    repository.tests(TWO_TESTS)
    repository.record()
    repository.tests(TWO_TESTS.replace("(32, 256)", "(32, 25)"))
    assert repository.run().ret == 1
    repository.tests(TWO_TESTS)
    repository.run("--trtperf-update", "--lf").assert_outcomes(passed=1)
    assert len(repository.baselines()) == 2


def test_skipped_test_is_not_stale(repository):
    repository.tests(TWO_TESTS)
    repository.record()
    skip = 'import pytest\n\n    @pytest.mark.skip(reason="not today")\n    def test_other'
    repository.tests(TWO_TESTS.replace("def test_other", skip))
    repository.run("--trtperf-update").assert_outcomes(passed=1, skipped=1)
    assert len(repository.baselines()) == 2


def test_module_that_cannot_be_collected_is_not_stale(repository):
    repository.record()
    repository.tests("import nothing_of_this_name")
    assert repository.run("--trtperf-update").ret == pytest.ExitCode.INTERRUPTED
    assert set(repository.baselines()) == {KEY}


def test_measurement_that_its_test_no_longer_makes_is_stale(repository):
    repository.tests(
        """
        import pytest

        @pytest.mark.parametrize("kind", ["a#b", "c"])
        def test_model(trt_engine, trt_measure, kind):
            for name in ("first", "second"):
                trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, name=name)
        """
    )
    repository.record()
    assert len(repository.baselines()) == 4
    repository.tests(
        """
        import pytest

        @pytest.mark.parametrize("kind", ["a#b", "c"])
        def test_model(trt_engine, trt_measure, kind):
            if "#" in kind:
                pytest.skip("may measure anything tomorrow")
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, name="first")
        """
    )
    repository.run("--trtperf-update")
    assert set(repository.baselines()) == {
        f"{KEY}[a#b]#first",
        f"{KEY}[a#b]#second",
        f"{KEY}[c]#first",
    }


def test_single_test_named_from_a_folder_below_makes_no_others_stale(repository, monkeypatch):
    repository.tests(TWO_TESTS)
    repository.record()
    repository.pytester.mkdir("below")
    monkeypatch.chdir("below")
    assert repository.run("--trtperf-update", f"../{KEY}").ret == 0
    assert len(repository.baselines()) == 2
