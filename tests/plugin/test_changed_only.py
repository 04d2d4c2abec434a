"""`--trtperf-changed-only`: what is as the baseline has it is skipped, all else is measured."""

from __future__ import annotations

import fnmatch
import json
import os

import pytest

from tests.plugin.changed import ONLY, edit, is_unchanged, measured_since, run, why

SKIPPED = "*trtperf: unchanged*"
BUDGET = """
    def test_model(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
        perf.assert_p99(ms=100)
"""


@pytest.fixture
def recorded(repository):
    """One test with a budget, recorded."""
    repository.model(layers=2)
    repository.tests(BUDGET)
    repository.record()
    return repository


def edit_baseline(project, change):
    """Changes the newest run of the only entry as JSON."""
    (path,) = project.baseline_files()
    content = json.loads(path.read_text())
    (entry,) = content["entries"].values()
    change(entry["runs"][-1])
    path.write_text(json.dumps(content))


def test_a_test_for_which_nothing_changed_is_skipped_and_counted_last(recorded):
    result = run(recorded)
    assert result.ret == 0
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        [
            "trtperf: 1 test, about *; unchanged tests are skipped",
            "test_perf.py::test_model SKIPPED (trtperf: unchanged)*",
            "1 test was not measured: unchanged since the baseline",
            "SKIPPED * test_perf.py:*: trtperf: unchanged",
        ]
    )
    record = json.loads((recorded.path / "run.json").read_text())
    assert (record["measurements"], record["exit_status"]) == ([], 0)
    assert [(one["test"], one["outcome"]) for one in record["tests"]] == [
        ("test_perf.py::test_model", "unchanged")
    ]


def test_the_option_alone_does_not_make_a_run_measure(recorded):
    result = recorded.pytester.runpytest_inprocess(ONLY, "-p", "fake_gpu")
    result.assert_outcomes(skipped=1)
    result.stdout.no_fnmatch_line(SKIPPED)


def test_without_the_option_it_is_measured(recorded):
    recorded.run().assert_outcomes(passed=1)


def test_the_baseline_says_what_was_asked_for(recorded):
    (entry,) = recorded.baselines().values()
    asked = entry["runs"][-1]["asked"]
    assert asked.pop("code")
    assert asked.pop("pytest-trtperf")
    assert asked == {"budget P99 of latency": "100.0", "shapes given": "x"}


def test_a_recording_of_all_tests_is_refused(recorded):
    result = run(recorded, "--trtperf-update")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    expected = "*--trtperf-changed-only and --trtperf-update exclude each other*"
    result.stderr.fnmatch_lines([expected])


def test_engines_of_all_tests_are_built(recorded):
    result = run(recorded, "--trtperf-build-only")
    result.stdout.fnmatch_lines(["engines ready: 1, *"])


def test_without_a_baseline_it_is_measured_and_may_be_recorded(repository):
    assert measured_since(repository) == "there is no baseline"
    result = run(repository, "--trtperf-update-new")
    result.assert_outcomes(passed=1)
    assert is_unchanged(repository)


def test_an_unchanged_entry_is_never_stale(recorded):
    result = run(recorded)
    result.stdout.no_fnmatch_line("stale baseline*")


def test_a_model_with_other_bytes_is_measured(recorded):
    recorded.model(layers=1)
    assert measured_since(recorded).startswith("another model")


def test_a_model_written_again_with_its_bytes_is_unchanged(recorded):
    path = recorded.path / "model.onnx"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    os.utime(path, (1, 1))
    assert is_unchanged(recorded)


def test_a_link_to_another_model_is_measured(recorded):
    path = recorded.path / "model.onnx"
    path.rename(recorded.path / "first.onnx")
    path.symlink_to("first.onnx")
    assert is_unchanged(recorded)
    recorded.model("second", layers=1)
    path.unlink()
    path.symlink_to("second.onnx")
    assert measured_since(recorded).startswith("another model")


SUBTESTS = pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest 9 has subtests")
CODE = "other code of the test, its fixtures or hooks"
ASKS = [
    ("ms=100", "ms=99", f"budget P99 of latency 100.0 -> 99.0, {CODE}"),
    ("ms=100", "ms=101", f"budget P99 of latency 100.0 -> 101.0, {CODE}"),
    ("ms=100", 'ms={"Fake*": 100, "*": 3}', CODE),
    ("p99(ms=100", 'p99(ms=100, metric="gpu_compute"', "budget P99 of gpu_compute none -> *"),
    ("perf.assert", "perf.assert_no_regression(); perf.assert", f"budget no regression *, {CODE}"),
    (".assert_p99(ms=100)", ".assert_percentile(90, 100)", "budget P90 of latency none -> *"),
    ("(ms=100)", "(ms=100); perf.assert_qps(1)", f"budget throughput none -> 1.0, {CODE}"),
    ("(ms=100)", "(ms=100); perf.assert_device_memory(99)", f"budget device memory *, {CODE}"),
    ("(64, 256)", "(32, 256)", "shape of x 64x256 -> 32x256"),
    ("(64, 256)}", "(64, 256)}, seed=1", f"{CODE}, seed none -> 1"),
    ("(64, 256)}", "(64, 256)}, tolerance=0.3", f"{CODE}, tolerance none -> 0.3"),
    ("(64, 256)}", "(64, 256)}, streams=2", f"{CODE}, streams none -> 2"),
    ("(64, 256)}", "(64, 256)}, request_rate=100", "*budget P99 of response none -> 100.0*"),
    ("(64, 256)}", '(64, 256)}, name="b"', "there is no baseline"),
    ("(64, 256)}", "(64, 256)}, baseline=False", "a measurement with baseline=False has no *"),
    ("perf.assert", "perf.p99; perf.assert", "the test reads numbers"),
    ("perf.assert", "str(perf); perf.assert", "the test reads numbers"),
    ("perf.assert", "hasattr(perf, 'qps'); perf.assert", "the test reads numbers"),
    ("perf.assert", "try: perf.qps\n    except BaseException: pass\n    perf.assert", "*numbers"),
    ("perf.assert", "perf.layers if 0 else 1; perf.assert", CODE),
]


def test_a_change_of_what_is_asked_is_measured(recorded):
    source = (recorded.path / "test_perf.py").read_text()
    for before, after, reason in ASKS:
        edit(recorded, before, after)
        found = measured_since(recorded)
        assert fnmatch.fnmatchcase(found, reason), (after, found)
        (recorded.path / "test_perf.py").write_text(source)
    assert is_unchanged(recorded)


def test_comments_and_layout_change_nothing(recorded):
    edit(recorded, "perf.assert", "# a comment\n\n    perf.assert")
    assert is_unchanged(recorded)


def test_the_mark_and_the_ini_file_are_looked_at(recorded):
    recorded.ini("trtperf_tolerance = 0.3")
    assert measured_since(recorded) == "tolerance none -> 0.3"
    recorded.ini()
    edit(recorded, "def test_model", "import pytest\n@pytest.mark.trtperf(seed=1)\ndef test_model")
    assert measured_since(recorded) == "seed none -> 1"


def test_options_that_change_no_number_are_not_looked_at(recorded):
    assert is_unchanged(
        recorded, "--trtperf-sessions=5", "--trtperf-inconclusive=fail", "--trtperf-strict"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda run: run["software"].update(driver="580"), "driver 580 -> none"),
        (lambda run: run["software"].update(fake="0"), "fake 0 -> 1"),
        (lambda run: run["asked"].update({"pytest-trtperf": "0"}), "pytest-trtperf 0 -> *"),
        (lambda run: run.pop("asked"), "the baseline does not say all *"),
        (lambda run: run.update(plan="0"), "the plan was built anew"),
        (
            lambda run: run["sessions"][0].update(kernels="cached", kernels_digest="0"),
            "other kernels than in the baseline, or it is not known which",
        ),
    ],
)
def test_a_change_of_the_surroundings_is_measured(recorded, change, reason):
    edit_baseline(recorded, change)
    found = measured_since(recorded)
    assert fnmatch.fnmatchcase(found, reason), found


def test_a_baseline_of_other_hardware_is_none(recorded):
    folder = recorded.path / "perf-baselines" / "fake-gpu"
    folder.rename(folder.with_name("other-gpu"))
    assert measured_since(recorded) == "there is no baseline"


def test_values_of_inputs_are_compared(recorded):
    np = pytest.importorskip("numpy")
    np.save(recorded.path / "x.npy", np.zeros((64, 256), np.float32))
    edit(recorded, "(64, 256)}", '(64, 256)}, inputs={"x": "x.npy"}')
    assert measured_since(recorded) == f"{CODE}, other values of input x"
    recorded.record()
    assert is_unchanged(recorded)
    np.save(recorded.path / "x.npy", np.ones((64, 256), np.float32))
    assert measured_since(recorded) == "other values of input x"


def test_a_budget_of_a_fixture_is_compared(recorded):
    conftest = "import pytest\n\n@pytest.fixture\ndef limit():\n    return {}\n"
    recorded.pytester.makeconftest(conftest.format(100))
    edit(recorded, "trt_measure):", "trt_measure, limit):")
    edit(recorded, "ms=100", "ms=limit")
    recorded.record()
    assert is_unchanged(recorded)
    recorded.pytester.makeconftest(conftest.format(99))
    assert measured_since(recorded) == f"budget P99 of latency 100.0 -> 99.0, {CODE}"


def test_a_budget_of_a_module_that_is_imported_is_compared(recorded):
    edit(recorded, "ms=100", "ms=__import__('json').loads(open('limits.json').read())")
    (recorded.path / "limits.json").write_text("100")
    recorded.record()
    assert is_unchanged(recorded)
    (recorded.path / "limits.json").write_text("99")
    assert measured_since(recorded) == "budget P99 of latency 100.0 -> 99.0"


def test_all_measurements_of_a_test_have_to_be_unchanged(project):
    for name in ("a", "b"):
        project.model(name, layers=2)
    project.tests(
        """
        def test_model(trt_engine, trt_measure):
            for name in ("a", "b"):
                perf = trt_measure(trt_engine(f"{name}.onnx"), {"x": (8, 256)}, name=name)
                perf.assert_qps(1)
        """
    )
    project.record()
    assert is_unchanged(project)
    project.model("b", layers=1)
    assert measured_since(project).startswith("another model")
    project.model("b", layers=2)
    assert is_unchanged(project)
    edit(project, '("a", "b")', '("a",)')
    assert "it does not ask any more for test_perf.py::test_model#b" in measured_since(project)


def test_parameters_sweeps_and_builds(project):
    project.model()
    project.tests(
        """
        import pytest

        @pytest.mark.parametrize("batch", [8, 16])
        def test_batch(trt_engine, trt_measure, batch):
            trt_measure(trt_engine("model.onnx"), {"x": (batch, 256)}).assert_p99(ms=100)

        def test_sweep(trt_engine, trt_measure):
            for size, perf in trt_measure.sweep(trt_engine("model.onnx"), batch_sizes=[1, 2]):
                perf.assert_p99(ms=100 * size)

        def test_rates(trt_engine, trt_measure):
            shapes = {"x": (8, 256)}
            rates = trt_measure.sweep(trt_engine("model.onnx"), shapes, request_rates=[50, 100])
            assert len(rates) == 2

        def test_builds(trt_engine, trt_measure):
            trt_measure.builds(trt_engine("model.onnx", builds=2), {"x": (8, 256)})
        """
    )
    project.record()
    result = run(project)
    result.assert_outcomes(skipped=5)
    assert result.ret == 0
    edit(project, "[8, 16]", "[8, 16, 32]")
    edit(project, "100 * size", "99 * size")
    edit(project, "[50, 100]", "[50, 100, 200]")
    edit(project, "len(rates) == 2", "len(rates) == 3")
    result = run(project)
    result.assert_outcomes(passed=3, skipped=3)
    assert sorted(one.split(", ")[-1] for one in why(result)) == [
        "budget P99 of latency 200.0 -> 198.0",
        "there is no baseline",
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("trt_compare(engine, engine, shapes, name='p')", "a pair has no baseline"),
        ("trt_measure.max_qps(engine, 100, shapes, name='m')", "a search for * has no baseline"),
        ("trt_measure.sweep(engine, batch_sizes=[1]).table()", "the test reads numbers"),
        ("int('x' * (type(perf) is not Perf) or 1)", "it did not pass without numbers"),
        ("if type(perf) is Perf: assert perf.p99 < 100", "the baseline does not say all *"),
        ("if isinstance(perf, Perf): assert perf.p99 < 100", "the test reads numbers"),
        pytest.param("subtests", "it has subtests", marks=SUBTESTS),
        ("engine.inputs; perf.note('a note')", None),
        ("perf.assert_energy_per_query(mj=5)", "the baseline does not say all *"),
        ("perf.assert_energy_per_query(mj=5, missing_ok=True)", None),
    ],
)
def test_what_cannot_be_seen_without_numbers_is_measured(project, body, reason):
    project.model()
    project.tests(
        f"""
        from pytest_trtperf.fixtures.perf import Perf

        def test_model(trt_engine, trt_measure, trt_compare{", subtests" * (body == "subtests")}):
            engine, shapes = trt_engine("model.onnx"), {{"x": (8, 256)}}
            perf = trt_measure(engine, shapes)
            {body}
        """
    )
    project.record()
    if reason is None:
        assert is_unchanged(project)
    else:
        found = measured_since(project)
        assert fnmatch.fnmatchcase(found, reason), found


PLANS = """
    import os
    from tests.fixtures.loads_and_builds import Builds

    class Plans(Builds):
        def build(self, *arguments, **how):
            return super().build(*arguments, **how) + os.environ["BUILD"].encode()

    def pytest_trtperf_backends():
        return [Plans(compiles=1)]
"""


def test_plans_and_kernels_are_looked_at(project, monkeypatch):
    monkeypatch.setenv("BUILD", "first")
    project.options = ()
    project.pytester.makeconftest(PLANS)
    project.model()
    project.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (8,)})
        """
    )
    project.record()
    assert is_unchanged(project)
    cache = project.path.parent / f"{project.path.name}-state" / "cache"
    (kernels,) = cache.glob("*.runtime")
    kernels.unlink()
    assert measured_since(project).startswith("other kernels than in the baseline")
    assert is_unchanged(project)
    (plan,) = cache.glob("*.plan")
    plan.unlink()
    assert is_unchanged(project)
    plan.unlink()
    monkeypatch.setenv("BUILD", "second")
    assert measured_since(project) == "the plan was built anew"


@pytest.mark.usefixtures("on_cpu")
def test_on_onnx_runtime_external_data_is_looked_at(project):
    onnx = pytest.importorskip("onnx")
    path = project.model(layers=2)
    how = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save(onnx.load(path), path, **how)
    project.tests(BUDGET.replace("100", "100_000"), batch=16)
    project.record()
    weights = project.path / "weights.bin"
    content = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(content)
    assert is_unchanged(project)
    weights.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert measured_since(project).startswith("another model")
