"""Tables of SLOs: the tests that they are."""

from __future__ import annotations

import pytest

from pytest_trtperf.analysis.costs import COSTS
from pytest_trtperf.engine.options import PRECISIONS
from pytest_trtperf.options import OF_MEASUREMENT
from pytest_trtperf.slo.budgets import OfMetric
from pytest_trtperf.slo.types import OPTIONS
from tests.slo.entries import M

RESNET = """
[resnet50]
onnx = "models/resnet50.onnx"
dims = { N = [1, 8, 32] }
measure = [{ N = 8, p99_ms = { "NVIDIA H200*" = 2.0 }, qps = 500 }]
"""


def test_a_measurement_is_a_test_named_by_its_sizes(table, tmp_path):
    ((name, test),) = table(RESNET).items()
    assert (name, test.of.line) == ("resnet50[N=8]", 2)
    assert test.onnx == tmp_path / "models" / "resnet50.onnx"
    assert test.build == {"shapes": None, "dims": {"N": [1, 8, 32]}}
    assert test.shapes == {"shapes": None, "dims": {"N": 8}}
    assert test.budgets == {None: OfMetric({99.0: {"NVIDIA H200*": 2.0}})}
    assert (test.qps, test.baseline, test.accuracy, test.marks) == (500, True, None, {})


def test_an_entry_without_measurements_is_one_test(table):
    ((name, test),) = table('[m]\nonnx = "m.onnx"\np50_ms = 3\nbaseline = false').items()
    assert (name, test.budgets, test.baseline) == ("m", {None: OfMetric({50.0: 3.0})}, False)
    assert (test.build, test.shapes) == (
        {"shapes": None, "dims": None},
        {"shapes": None, "dims": None},
    )


def test_costs_have_budgets(table):
    budgets = {f"{cost.budget} = {place}": place for place, cost in enumerate(COSTS.values(), 1)}
    entry = '[m]\nonnx = "m.onnx"\nmissing_ok = true\n'
    (test,) = table(entry + "\n".join(budgets)).values()
    assert test.costs == dict(zip(COSTS, budgets.values(), strict=True))
    assert test.missing_ok
    (gated,) = table('[m]\nonnx = "m.onnx"\ngate = { load_time = 0.2 }').values()
    assert gated.gates == {"load_time": 0.2}
    (without,) = table('[m]\nonnx = "m.onnx"').values()
    assert (without.costs, without.missing_ok) == ({}, False)


def test_a_search_without_a_budget_limits_nothing(table):
    (found,) = table('[m]\nonnx = "m.onnx"\nmax_qps = { p99_ms = 20 }').values()
    assert (found.max_qps.p99_ms, found.has_budget) == (20, False)
    (held,) = table('[m]\nonnx = "m.onnx"\nmax_qps = { p99_ms = 20, at_least = 5 }').values()
    assert held.has_budget


def test_sizes_of_a_measurement_are_those_of_the_engine_where_the_entry_has_none(table):
    (test,) = table('[m]\nonnx = "m.onnx"\nmeasure = [{ dims = { N = 4 } }]').values()
    assert test.build["dims"] == test.shapes["dims"] == {"N": 4}


def test_defaults_are_below_entries_and_entries_below_measurements(table):
    tests = table("""
        [defaults]
        owner = "vision"
        marks = ["nightly"]
        tolerance = 0.03
        labels = { team = "a" }
        build = { builder_optimization_level = 2, tf32 = false }
        dims = { N = 4 }

        [plain]
        onnx = "plain.onnx"

        [own]
        onnx = "own.onnx"
        dims = { M = [1, 2, 3] }
        owner = "speech"
        marks = { slow = {}, xfail = { reason = "known" } }
        labels = { kind = "b" }
        build = { tf32 = true }
        measure = [{ M = 2, tolerance = 0.1, marks = ["gpu"], labels = { size = "c" } }]
    """)
    plain, own = tests["plain"], tests["own[M=2]"]
    assert plain.options == {"tolerance": 0.03, "owner": "vision", "labels": {"team": "a"}}
    assert plain.build == {
        "shapes": None,
        "dims": {"N": 4},
        "builder_optimization_level": 2,
        "tf32": False,
    }
    assert list(plain.marks) == ["nightly"]
    labels = {"team": "a", "kind": "b", "size": "c"}
    assert own.options == {"tolerance": 0.1, "owner": "speech", "labels": labels}
    assert own.build["tf32"] is True
    assert own.build["builder_optimization_level"] == 2
    assert own.build["dims"] == {"M": [1, 2, 3]}
    assert list(own.marks) == ["nightly", "slow", "xfail", "gpu"]
    assert own.marks["xfail"] == {"reason": "known"}


def test_each_precision_is_a_test_and_a_measurement_may_be_of_one_alone(table):
    tests = table("""
        [m]
        onnx = "m.onnx"
        dims = { N = 4 }
        precision = ["own", "fp16"]
        measure = [{ N = 4 }, { name = "fast", precision = "fp16", p99_ms = 1 }]
    """)
    assert list(tests) == ["m[own-N=4]", "m[fp16-N=4]", "m[fp16-fast]"]
    assert [test.build.get("precision") for test in tests.values()] == [None, "fp16", "fp16"]
    (alone,) = table('[m]\nonnx = "m.onnx"\nprecision = "fp16"').items()
    assert (alone[0], alone[1].build["precision"]) == ("m", "fp16")


def test_a_glob_is_a_test_for_each_model(table, tmp_path):
    for name in ("a.onnx", "b.onnx", "big.onnx", "deep/c.onnx", "readme.md"):
        path = tmp_path / "zoo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not opened")
    tests = table("""
        [zoo]
        onnx = "zoo/*.onnx"
        exclude = ["zoo/big*"]
        measure = [{}, { name = "open", request_rate = 100 }]
        [all]
        onnx = "zoo/**/*.onnx"
        [none]
        onnx = "zop/*.onnx"
    """)
    assert [name for name in tests if name.startswith("zoo")] == [
        "zoo[a]",
        "zoo[a-open]",
        "zoo[b]",
        "zoo[b-open]",
    ]
    assert [name for name in tests if name.startswith("all")] == [
        "all[a]",
        "all[b]",
        "all[big]",
        "all[deep/c]",
    ]
    assert tests["all[deep/c]"].onnx == tmp_path / "zoo" / "deep" / "c.onnx"
    assert tests["none[zop/*.onnx]"].onnx is None


def test_a_folder_is_no_model(table, tmp_path):
    (tmp_path / "zoo" / "deep.onnx").mkdir(parents=True)
    (tmp_path / "zoo" / "deep.onnx" / "a.onnx").write_bytes(b"not opened")
    assert list(table('[m]\nonnx = "zoo/**"')) == ["m[deep.onnx/a]"]


def test_a_glob_that_no_file_can_have_matches_none(table):
    (test,) = table('[m]\nonnx = "*\\u0000.onnx"').values()
    assert test.onnx is None


def test_paths_start_from_the_table(table, tmp_path):
    (test,) = table("""
        [m]
        onnx = "../outside.onnx"
        inputs = { x = "x.npy" }
        build = { plugins = ["a.so"] }
        accuracy = { reference = "fp32.onnx", rtol = 0.1 }
    """).values()
    assert test.onnx == tmp_path.parent / "outside.onnx"
    assert test.options == {"inputs": {"x": str(tmp_path / "x.npy")}}
    assert test.build["plugins"] == [str(tmp_path / "a.so")]
    assert test.accuracy == {"reference": tmp_path / "fp32.onnx", "rtol": 0.1}
    (test,) = table('[m]\nonnx = "m.onnx"\ninputs = "x:x.npy,y:y.npy"').values()
    files = {name: str(tmp_path / f"{name}.npy") for name in "xy"}
    assert test.options == {"inputs": files}
    (test,) = table('[m]\nonnx = "m.onnx"\ninputs = "all.npz"').values()
    assert test.options == {"inputs": str(tmp_path / "all.npz")}
    (test,) = table('[m]\nonnx = "m.onnx"\naccuracy = { reference = "onnxruntime" }').values()
    assert test.accuracy == {"reference": "onnxruntime"}


def test_inputs_may_have_values(table, tmp_path):
    (test,) = table("""
        [m]
        onnx = "m.onnx"
        inputs = { flag = true, rate = 16000, scale = [[0.5, 1]], words = ["a"], x = "x.npy" }
    """).values()
    path = str(tmp_path / "x.npy")
    values = {"flag": True, "rate": 16000, "scale": [[0.5, 1]], "words": ["a"], "x": path}
    assert test.options == {"inputs": values}


def test_several_sets_of_inputs(table, tmp_path):
    (test,) = table("""
        [m]
        onnx = "m.onnx"
        inputs = ["a.npz", { x = "x.npy" }, "more/*.npz"]
    """).values()
    a, x, more = (str(tmp_path / name) for name in ("a.npz", "x.npy", "more/*.npz"))
    assert test.options == {"inputs": [a, {"x": x}, more]}


def test_tolerances_of_outputs_by_name(table):
    (test,) = table("""
        [m]
        onnx = "m.onnx"
        [m.accuracy]
        rtol = { boxes = 0.1 }
        atol = { boxes = 1 }
        cosine = 0.99
        top_k = { scores = 5 }
    """).values()
    assert test.accuracy == {
        "rtol": {"boxes": 0.1}, "atol": {"boxes": 1}, "cosine": 0.99, "top_k": {"scores": 5},
    }  # fmt: skip


@pytest.mark.parametrize("onnx", [300 * "x", 300 * "x" + "*", "a\\u0000*", "a\\u0000"])
def test_a_name_that_no_file_can_have_matches_none(table, onnx):
    (name,) = table(f'[m]\nonnx = "{onnx}"')
    assert name.isprintable()


def test_percentiles_by_number(table):
    (test,) = table('[m]\nonnx = "m.onnx"\npercentiles_ms = { "99.9" = 3 }\np50_ms = 1').values()
    assert test.budgets == {None: OfMetric({50.0: 1, 99.9: 3})}


def test_budgets_of_several_metrics(table):
    (test,) = table(
        """
        [m]
        onnx = "m.onnx"
        p99_ms = 2
        tail_ratio = 1.2
        transfer_share = { "NVIDIA*" = 0.3 }
        [m.metrics.gpu_compute]
        p50_ms = 1
        cov = 0.025
        """
    ).values()
    assert test.budgets == {
        None: OfMetric({99.0: 2.0}, tail_ratio=1.2),
        "gpu_compute": OfMetric({50.0: 1.0}, cov=0.025),
    }
    assert test.transfer_share == {"NVIDIA*": 0.3}
    (named,) = table(f'{M}metric = "gpu_compute"\ncov = 0.02').values()
    assert named.budgets == {"gpu_compute": OfMetric(cov=0.02)}


@pytest.mark.parametrize(
    ("keys", "has_one"),
    [
        ("", False), ("metrics = { h2d = {} }", False), ("percentiles_ms = {}", False),
        ("cov = 0.1", True), ("metrics = { h2d = { p99_ms = 1 } }", True),
        ("transfer_share = 0.2", True), ("qps = 1", True), ("engine_size_mib = 9", True),
    ],
)  # fmt: skip
def test_whether_there_is_a_budget(table, keys, has_one):
    (test,) = table(M + keys).values()
    assert test.has_budget is has_one


def test_options_are_those_that_marks_take():
    assert sorted(OPTIONS) == sorted(one.name for one in OF_MEASUREMENT)


def test_precisions_are_those_of_the_builder(table):
    for precision in PRECISIONS:
        (test,) = table(f'{M}precision = "{precision}"').values()
        assert test.build["precision"] == precision
