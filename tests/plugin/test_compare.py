"""`trt_compare`: two engines measured in turns."""

from __future__ import annotations

import json

import pytest

TEST = """
import pytest

def test_pair(trt_engine, trt_compare):
    new = trt_engine("new.onnx")
    reference = trt_engine("reference.onnx")
    pair = trt_compare(new, reference, shapes={{"x": (32, 256)}})
    {body}
"""
RATIO = r": gpu_compute median .* ms against .* ms, [+-][\d.]+% \[.*\] \(\d+ blocks on Fake GPU.*"


@pytest.fixture
def models(project):
    project.model("reference", layers=2)
    project.model("new", layers=8)
    return project


def run(project, body, *options):
    project.tests(TEST.format(body=body))
    return project.run("--trtperf-json=run.json", *options)


def test_slower_engine_is_found_and_reported(models):
    result = run(models, "pair.assert_not_slower(tolerance=0.2)")
    assert result.ret == 1
    result.stdout.re_match_lines([".*the new engine is slower by more than 20%" + RATIO])


def test_faster_engine_is_found(models):
    models.model("new", layers=2)
    models.model("reference", layers=8)
    body = "pair.assert_faster(by=0.2); pair.assert_not_slower(); assert pair.ratio().upper < 1"
    assert run(models, body).ret == 0


def test_engine_that_is_not_faster_fails(models):
    result = run(models, "pair.assert_faster(by=0.1)")
    assert result.ret == 1
    result.stdout.re_match_lines([".*the new engine is not faster by 10%" + RATIO])


def test_blocks_take_turns_and_are_recorded(models):
    body = """
    order = sorted(
        [(r.started, "new") for r in pair.new.rounds]
        + [(r.started, "reference") for r in pair.reference.rounds]
    )
    assert [name for _, name in order[:4]] == ["new", "reference", "reference", "new"]
    assert pair.blocks >= 4
    assert pair.ratio("throughput").value < 1 < pair.ratio("median").value
    with pytest.raises(AssertionError):
        pair.assert_not_slower(kind="throughput", tolerance=0.2)
    with pytest.raises(ValueError, match="there are median, p99, throughput"):
        pair.ratio("mean")
    for share in (0, -0.1, float("nan"), True):
        with pytest.raises(ValueError, match="above 0"):
            pair.assert_not_slower(share)
    """
    result = run(models, body)
    assert result.ret == 0
    result.stdout.re_match_lines([r"test_perf.py::test_pair: gpu_compute median of new .*"])
    record = json.loads((models.path / "run.json").read_text())
    (pair,) = record["pairs"]
    assert pair["key"] == "test_perf.py::test_pair"
    assert {role: about["name"] for role, about in pair["engines"].items()} == {
        "new": "new",
        "reference": "reference",
    }
    assert pair["ratios"]["median"]["value"] > 1
    assert [verdict["status"] for verdict in pair["verdicts"]] == ["fail"]
    assert record["measurements"] == []


def test_same_engine_is_not_slower(models):
    models.model("new", layers=2)
    assert run(models, "pair.assert_not_slower()").ret == 0
    (pair,) = json.loads((models.path / "run.json").read_text())["pairs"]
    assert [verdict["status"] for verdict in pair["verdicts"]] == ["pass"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "max_time=1e-3",
            "a comparison needs 2 blocks of 4 rounds, and max_time of 0.001 s leaves",
        ),
        ("request_rate=1e6", "*1e+06 qps were asked for and * reached: lower the rate"),
    ],
)
def test_too_few_blocks_are_refused_and_cost_no_other_test(models, options, message):
    models.tests(
        f"""
        def test_pair(trt_engine, trt_compare):
            new, reference = trt_engine("new.onnx"), trt_engine("reference.onnx")
            trt_compare(new, reference, shapes={{"x": (32, 256)}}, {options})

        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("new.onnx"), shapes={{"x": (32, 256)}})
        """
    )
    result = models.run("--trtperf-json=run.json")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f"E *MeasurementError: *test_pair: *{message}*"])
    assert models.run("--trtperf-against=run.json", "-k", "test_model").ret == 0


def test_policy_that_fails_says_so_and_that_nothing_was_seen(models):
    body = "pair.assert_not_slower(tolerance=0.2)"
    result = run(models, body, "--trtperf-max-warm-up=1e-3", "--trtperf-inconclusive=fail")
    assert result.ret == 1
    words = "the new engine may or may not be slower by more than 20%"
    result.stdout.re_match_lines([f".*{words}: .*; not steady: .*fail fails it.*"])


def limits(models):
    (pair,) = json.loads((models.path / "run.json").read_text())["pairs"]
    return [round(verdict["limit"], 4) for verdict in pair["verdicts"]]


@pytest.mark.parametrize(
    ("mark", "call", "limit"),
    [
        ("", "", 0.005),
        ("tolerance=0.9", "", 0.9),
        ("tolerance=0.9", "tolerance=0.8", 0.8),
        ("tolerance={'median': 0.7, 'p99': 0.6}", "", 0.7),
        ("tolerance={'p99': 0.6}", "", 0.005),
    ],
)
def test_tolerance_is_that_of_the_call_or_the_mark(models, mark, call, limit):
    models.tests(
        f"""
        import pytest

        @pytest.mark.trtperf({mark})
        def test_pair(trt_engine, trt_compare):
            new, reference = trt_engine("new.onnx"), trt_engine("reference.onnx")
            pair = trt_compare(new, reference, shapes={{"x": (1, 256)}}, {call})
            with pytest.raises(AssertionError):
                pair.assert_not_slower()
        """
    )
    models.run("--trtperf-json=run.json", "--trtperf-inconclusive=fail").assert_outcomes(passed=1)
    assert limits(models) == [limit]


def test_options_that_have_no_effect_warn_at_the_tests_line(models):
    models.tests(
        """
        import pytest
        from pytest_trtperf.errors import TrtPerfDeprecationWarning

        def test_pair(trt_engine, trt_compare):
            new = trt_engine("new.onnx")
            with pytest.warns(TrtPerfDeprecationWarning, match="does not use layers=") as caught:
                trt_compare(new, new, shapes={"x": (1, 256)}, layers=True)
            assert caught[0].filename == __file__
        """
    )
    models.run().assert_outcomes(passed=1)


def test_needs_trtperf_and_carries_the_mark(models):
    models.tests(TEST.format(body="pass"))
    models.pytester.runpytest_inprocess().assert_outcomes(skipped=1)
    models.run("-m", "trtperf").assert_outcomes(passed=1)
