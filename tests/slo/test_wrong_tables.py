"""Tables of SLOs that are wrong: what is said of them, with file and key."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.errors import TableError
from pytest_trtperf.slo.items import items_of
from pytest_trtperf.slo.problems import in_toml
from tests.slo.entries import M


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
        (M + "max_qps = {}", "[m] max_qps: it lacks the key 'p99_ms'"),
        (
            M + "idle_ms = 2\nmax_qps = { p99_ms = 5 }",
            "[m] max_qps: idle_ms is for a closed load, and this is about open ones",
        ),
        (M + "max_qps = { p99_ms = 0 }", "[m] max_qps.p99_ms: expected a number > 0.0"),
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
