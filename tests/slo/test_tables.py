"""Tables of SLOs: the tests that they are, and what is said of wrong ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.costs import COSTS
from pytest_trtperf.engine.options import PRECISIONS
from pytest_trtperf.errors import TableError
from pytest_trtperf.options import OF_MEASUREMENT
from pytest_trtperf.slo.budgets import OfMetric
from pytest_trtperf.slo.items import items_of
from pytest_trtperf.slo.problems import in_toml
from pytest_trtperf.slo.types import OPTIONS

RESNET = """
[resnet50]
onnx = "models/resnet50.onnx"
dims = { N = [1, 8, 32] }
measure = [{ N = 8, p99_ms = { "NVIDIA H200*" = 2.0 }, qps = 500 }]
"""


@pytest.fixture
def table(tmp_path):
    """Writes a table, and returns its tests by name."""

    def write(text):
        path = tmp_path / "models.slo.toml"
        path.write_text(text, encoding="utf-8")
        return {test.name: test for test in items_of(path)}

    return write


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


@pytest.mark.parametrize(
    ("python", "toml"),
    [
        ('pass dims={"batch": 8}, or', "pass dims = { batch = 8 }, or"),
        ('shapes={"x y": (1, 8, 32)}', 'shapes = { "x y" = [1, 8, 32] }'),
        ("inputs={'flag': True, 'n': (2,)}", "inputs = { flag = true, n = [2] }"),
        ("inputs={'sr': np.array(16000, 'int32')}", "inputs = { sr = 16000 }"),
        ("inputs={'flag': …}", "inputs = { flag = … }"),
        ("by dims= or shapes=, a size or (min, opt, max)", None),
    ],
)
def test_advice_is_in_the_syntax_of_tables(python, toml):
    expected = toml or python.replace("(min, opt, max)", "[min, opt, max]")
    assert in_toml(python) == expected


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


M = '[m]\nonnx = "m.onnx"\n'
N = "dims = { N = [1, 8, 32] }\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('onnx = "m.onnx"', "'onnx' stands outside of an entry: write it below [NAME]"),
        ("[[m]]\n", "'m' stands outside of an entry"),
        ("[m\n", "not TOML: Expected ']' at the end of a table declaration (at line 1, column 3)"),
        (M + M, "not TOML: Cannot declare ('m',) twice (at line 3, column 3)"),
        ("x = " + 5000 * "[", "not TOML: it is nested too deep"),
        (M + "seed = " + 5000 * "1", "not TOML: Exceeds the limit (4300 digits)"),
        ("\n[m]\n", ":2: [m]: it lacks the key 'onnx'"),
        (M + "onx = 3", ":1: [m]: unknown key 'onx': did you mean 'onnx'?"),
        (M + "p99 = 3", ":1: [m]: unknown key 'p99': did you mean 'p99_ms'?"),
        (M + N + "measure = [{ N = 8, p99 = 1 }]", "[m] measure[0]: unknown key 'p99': did you me"),
        (M + N + "measure = [{ n = 8 }]", "[m] measure[0]: unknown key 'n'"),
        (M + "measure = [{ N = 8 }]", "(a dimension is named in the entry's dims=)"),
        (M + N + "measure = [{}, { dims = { M = 8 } }]", "[m] measure[1].dims: dims= has no 'M'"),
        (M + "accuracy = { rtoll = 1 }", "[m] accuracy: unknown key 'rtoll': did you mean 'rtol'?"),
        (M + "accuracy = { cosine = 1.5 }", "[m] accuracy.cosine: expected a number <= 1.0"),
        (M + "accuracy = { cosine = 0 }", "[m] accuracy.cosine: expected a number > 0.0"),
        (M + "accuracy = { rtol = nan }", "[m] accuracy.rtol: expected a number >= 0.0"),
        (M + "accuracy = { rtol = { y = -1 } }", "[m] accuracy.rtol['y']: expected a number >= 0"),
        (M + "accuracy = { top_k = { y = 0 } }", "[m] accuracy.top_k['y']: expected a whole numb"),
        (M + "accuracy = { top_k = 1.5 }", "[m] accuracy.top_k: expected a whole number or a tab"),
        (M + "p99_ms = -1", "[m] p99_ms: expected a number > 0.0"),
        (M + "qps = 0", "[m] qps: expected a number > 0.0"),
        (M + "qps = nan", "[m] qps: expected a number > 0.0"),
        (M + "qps = inf", "[m] qps: expected a number <= "),
        (M + 'p99_ms = { "H200*" = -2 }', "[m] p99_ms['H200*']: expected a number > 0.0"),
        (M + 'percentiles_ms = { "100" = 2 }', "[m] percentiles_ms: '100' is no percentile"),
        (M + "cov = -1", "[m] cov: expected a number > 0.0"),
        (M + "transfer_share = 0", "[m] transfer_share: expected a number > 0.0"),
        (M + "tail_ration = 2", ":1: [m]: unknown key 'tail_ration': did you mean 'tail_ratio'?"),
        (
            M + "metrics = { gpu_compute = { p99 = 2 } }",
            "[m] metrics['gpu_compute']: unknown key 'p99': did you mean 'p99_ms'?",
        ),
        (
            M + "metrics = { gpu_compute = { qps = 2 } }",
            "[m] metrics['gpu_compute']: unknown key 'qps'; there are p50_ms, p90_ms, p95_ms, p99",
        ),
        (
            M + 'metrics = { h2d = { percentiles_ms = { "x" = 2 } } }',
            "[m] metrics.h2d.percentiles_ms: 'x' is no percentile",
        ),
        (
            M + 'metric = "h2d"\nmetrics = { h2d = { p99_ms = 2 } }',
            "[m] metrics.h2d: metric= names it, too: write its budgets in one place",
        ),
        (M + "tolerance = { medan = 0.1 }", "'medan'; it takes median, p99, throughput"),
        (M + "inputs = []", "[m] inputs: expected an array of length >= 1"),
        (M + 'inputs = ["a.npz", "x.npy"]', "[m]: inputs: inputs[1]: 'x.npy' is not name:file"),
        (M + "sessions = 0", "[m]: sessions: expected a whole number of at least 1, got 0"),
        (M + "owner = 3", "[m] owner: expected text, got a whole number"),
        (M + "dims = { N = [8, 1, 32] }", "[m] dims: dims= of 'N': min <= opt <= max does not"),
        (M + "dims = { N = [8, 1] }", "[m] dims['N']: expected an array of length >= 3"),
        (M + 'shapes = { x = "1xq" }', "[m] shapes: shapes of tensor 'x': '1xq' is not a shape"),
        (M + "build = { fp17 = true }", "[m] build: unknown build option 'fp17'"),
        (M + 'precision = "fp17"', "'fp17'; it takes fp16, bf16, int8, fp8, int4, own"),
        (M + 'inconclusive = "fial"', "'fial'; it takes warn, fail"),
        (M + 'request_rate = "open"', "'open'; it takes closed"),
        (M + 'dims = { N = 8, M = [1, "2", 3] }', "[m] dims['M']"),
        (M + N + 'measure = [{}, { N = "8" }]', "[m] measure[1].dims['N']: expected a whole num"),
        (M + 'labels = { team = "a", x = 3 }', "[m] labels['x']: expected text"),
        (M + "precision = []", "[m] precision: expected an array of length >= 1"),
        (M + 'measure = [{ precision = "fp16" }]', "the entry's precision= has no 'fp16'"),
        (
            M + "measure = [{}, {}]",
            "[m] measure: two tests would be called m: give one of them a n",
        ),
        (
            M + 'sha256 = "12"',
            "[m] sha256: expected text of 64 hexadecimal digits, as of sha256sum",
        ),
        (M + "p99_ms = {}", "[m] p99_ms: expected a table of length >= 1"),
        (M + 'precision = ["fp16", "fp16"]', "[m] precision: one comes twice: leave it out"),
        (
            M + 'precision = ["own", "fp16"]\nbuild = { precision = "fp16" }',
            "[m] precision: build= has one, too: write it in precision= alone",
        ),
        (
            M + N + "measure = [{ N = 64 }]",
            "[m] measure[0]: N = 64 is outside of the entry's dims=, 1 to 32: widen it or",
        ),
        (
            M + N + "measure = [{}, { N = 8, dims = { N = 4 } }]",
            "[m] measure[1]: 'N' has a size here and in dims=: drop one of the two",
        ),
        ("[yolo.v8]\nonnx = 'm.onnx'", '[yolo.v8]: put a name with a dot in quotes: ["yolo.v8"]'),
        (M + 'inputs = "x.npy"', "[m]: inputs: 'x.npy' is not name:file; write name:file,name2:"),
        ('["a[b]"]\nonnx = "m.onnx"', "the name becomes a test's"),
        ('["a::b"]\nonnx = "m.onnx"', "the name becomes a test's"),
        ('[defaults]\nonnx = "m.onnx"', "[defaults]: unknown key 'onnx'"),
        ("[defaults]\np99_ms = -1", ":1: [defaults] p99_ms: expected a number > 0.0"),
        (M + "marks = 3", "[m] marks: expected a table or an array, got a whole number"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(table, text, message):
    with pytest.raises(TableError, match=re.escape(message)) as failure:
        table(text)
    assert "models.slo.toml" in str(failure.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(TableError, match=r"gone\.slo\.toml: cannot be read: No such file"):
        items_of(tmp_path / "gone.slo.toml")
    (tmp_path / "b.slo.toml").write_bytes(b"\xff")
    with pytest.raises(TableError, match=r"b\.slo\.toml: not TOML: 'utf-8' codec"):
        items_of(tmp_path / "b.slo.toml")


def test_options_are_those_that_marks_take():
    assert sorted(OPTIONS) == sorted(one.name for one in OF_MEASUREMENT)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def as_toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {as_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, bool) or value is None:
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else str(value)


def quoted(text):
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


KEYS = ["p99_ms", "qps", "dims", "shapes", "build", "precision", "measure", "marks", "accuracy",
        "metrics", "cov", "inputs", "labels", "exclude", "percentiles_ms", "owner",
        "metric"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3), st.text(max_size=5))
def test_any_values_are_tests_or_a_named_problem(tmp_path_factory, values, name):
    path = tmp_path_factory.getbasetemp() / "any.slo.toml"
    lines = [f"{key} = {as_toml(value)}" for key, value in values.items()]
    path.write_text("\n".join([f"[{quoted(name)}]", 'onnx = "m.onnx"', *lines]))
    try:
        found = items_of(path)
    except TableError as error:
        found, said = [], str(error)
    else:
        said = str(path)
    assert said.startswith(str(path))
    assert all(test.onnx == path.parent / "m.onnx" for test in found)


def test_precisions_are_those_of_the_builder(table):
    for precision in PRECISIONS:
        (test,) = table(f'{M}precision = "{precision}"').values()
        assert test.build["precision"] == precision
