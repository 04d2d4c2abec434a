"""When two engines' outputs are close, and what is said where they are not."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pytest_trtperf.accuracy import (
    RTOL,
    AccuracyAssertionError,
    Side,
    assert_close,
    compare,
    reference_of,
)
from pytest_trtperf.errors import (
    BackendUnavailable,
    EngineBuildError,
    EngineLoadError,
    MeasurementError,
    ShapeError,
)
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeEngine

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

FLOATS = st.sampled_from([np.float16, np.float32, np.float64])
VALUES = st.sampled_from([0.0, -0.0, 1.0, 1 + 2**-7, -1.0, 2**-13, 300.0, np.nan, np.inf, -np.inf])


@given(data=st.data(), dtype=FLOATS, shape=npst.array_shapes(min_dims=0, min_side=0, max_side=4))
def test_close_is_what_numpy_calls_close(data, dtype, shape):
    ours, theirs = (data.draw(npst.arrays(dtype, shape, elements=VALUES)) for _ in range(2))
    rtol, atol = (data.draw(st.sampled_from([0.0, 0.015, 0.5])) for _ in range(2))
    wide, wanted = ours.astype(np.float64), theirs.astype(np.float64)
    close = np.isclose(wide, wanted, rtol=rtol, atol=atol, equal_nan=True)
    told = compare(ours, theirs, rtol, atol)
    assert (told is None) == bool(close.all())
    if told is not None:
        assert told.startswith(f"{(~close).sum()} of {close.size} values differ")


@given(data=st.data(), dtype=npst.integer_dtypes() | npst.unsigned_integer_dtypes())
def test_whole_numbers_have_to_be_equal(data, dtype):
    dtype = dtype.newbyteorder("=")
    theirs = data.draw(npst.arrays(dtype, (2, 3)))
    assert compare(theirs.copy(), theirs, 0.0) is None
    ours = theirs.copy()
    ours[1, 2] ^= dtype.type(1)  # the last bit, beyond what float64 tells apart in the largest
    told = str(compare(ours, theirs, 0.0))
    assert "1 of 6 values differ\n" in told
    assert f"error 1 at [1, 2]: {ours[1, 2]}, reference {theirs[1, 2]}" in told
    assert compare(ours, theirs, 0.0, atol=1) is None


def test_truth_values_have_to_be_equal():
    yes = np.array([True, False])
    assert compare(yes, yes, 0.0) is None
    assert "2 of 2 values differ" in str(compare(~yes, yes, 0.0))


def test_the_largest_errors_are_placed():
    theirs = np.array([[1e-6, 1.0], [100.0, 0.0]], np.float32)
    ours = np.array([[2.0, 1.0], [110.0, 0.0]], np.float32)
    told = str(compare(ours, theirs, 0.01))
    assert "2 of 4 values differ by more than 0.5 + 0.01 x |reference|" in told
    assert "largest absolute error 10 at [1, 0]: 110.0, reference 100.0" in told
    assert "largest relative error 2e+06 at [0, 0]: 2.0, reference 1e-06" in told


def test_what_is_near_zero_is_judged_by_its_neighbours():
    theirs = np.array([10.0, -10.0, 0.0])
    assert compare(theirs + np.array([0, 0, 0.05]), theirs, 0.01) is None
    assert compare(theirs + np.array([0, 0, 0.1]), theirs, 0.01) is not None
    assert compare(theirs * 1e-200 + np.array([0, 0, 5e-202]), theirs * 1e-200, 0.01) is None
    huge = np.full(4, 1e300)
    assert compare(huge, huge * 1.001, 0.01) is None
    assert compare(huge, huge * 1.1, 0.01) is not None
    assert compare(np.full(2, 1e-9), np.zeros(2), 0.01) is not None


def test_an_outlier_hides_what_is_small_unless_atol_is_given():
    theirs = np.array([1e6, *[0.0] * 999])
    ours = theirs + np.array([0, 300, *[0.0] * 998])
    assert compare(ours, theirs, 0.01) is None
    assert "1 of 1000 values differ" in str(compare(ours, theirs, 0.01, atol=1))


BITS = {"tf32": (10, "float32"), "fp16": (10, "float16"), "bf16": (7, "bfloat16")}


def rounded(values, mantissa):
    """To nearest in so many bits, as a tensor core rounds what it multiplies."""
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(fraction, mantissa + 1)), exponent - mantissa - 1)


def forward(x, weights, mantissa=52):
    """A residual network; each product's operands are rounded."""
    for weight in weights:
        x = x + 0.5 * np.tanh(rounded(x, mantissa) @ rounded(weight, mantissa))
        x /= np.sqrt(np.mean(x**2, axis=1, keepdims=True))
    return rounded(x, mantissa)


@pytest.mark.parametrize("precision", BITS)
@pytest.mark.parametrize("layers", [4, 100])
def test_default_tolerance_takes_rounding_and_no_fault(precision, layers):
    mantissa, dtype = BITS[precision]
    rng = np.random.default_rng(11)
    x = rng.uniform(-1, 1, (32, 128))
    weights = rng.normal(0, 128**-0.5, (layers, 128, 128))
    exact = forward(x, weights)
    assert compare(forward(x, weights, mantissa), exact, RTOL[dtype]) is None
    first, second = weights[:2]
    for wrong in (0.75 * second, 0 * second, second.T):
        faulty = forward(x, [first, wrong, *weights[2:]], mantissa)
        assert compare(faulty, exact, RTOL[dtype]) is not None


def write(path, kinds, node="Identity", constant=None, shape=("n", 3)):
    """`x` of the first type through a node, and a cast to each further type as an output."""
    helper = onnx.helper
    codes = [getattr(onnx.TensorProto, kind) for kind in kinds]
    inputs = ["x"] if constant is None else ["x", "c"]
    nodes = [helper.make_node(node, inputs, ["y0"])]
    nodes += [
        helper.make_node("Cast", ["y0"], [f"y{i}"], to=code) for i, code in enumerate(codes[1:], 1)
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", codes[0], shape)],
        [helper.make_tensor_value_info(f"y{i}", code, shape) for i, code in enumerate(codes)],
        [] if constant is None else [onnx.numpy_helper.from_array(np.float32(constant), "c")],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def subject(path):
    return Side(path.name, OnnxRuntimeEngine(path))


def test_each_output_that_differs_is_told(tmp_path):
    ours = write(tmp_path / "ours.onnx", ["FLOAT", "INT64", "FLOAT16"], "Mul", 1.25)
    theirs = write(tmp_path / "theirs.onnx", ["FLOAT", "INT64", "FLOAT16"], "Mul", 1.0)
    x = np.array([[1, 2, 4]], np.float32)
    assert_close(subject(ours), subject(ours), inputs={"x": x})
    with pytest.raises(AccuracyAssertionError) as failed:
        assert_close(subject(ours), subject(theirs), inputs={"x": x})
    assert str(failed.value).splitlines() == [
        "ours.onnx differs from theirs.onnx in 3 of 3 outputs (inputs: x 1x3):",
        "  output 'y0' float32 1x3: 3 of 3 values differ by more than 0.0265 + 0.01 x |reference|",
        "    largest absolute error 1 at [0, 2]: 5.0, reference 4.0",
        "    largest relative error 0.25 at [0, 0]: 1.25, reference 1.0",
        "  output 'y1' int64 1x3: 1 of 3 values differ",
        "    largest absolute error 1 at [0, 2]: 5, reference 4",
        "    largest relative error 0.25 at [0, 2]: 5, reference 4",
        "  output 'y2' float16 1x3: 3 of 3 values differ by more than 0.0265 + 0.01 x |reference|",
        "    largest absolute error 1 at [0, 2]: 5.0, reference 4.0",
        "    largest relative error 0.25 at [0, 0]: 1.25, reference 1.0",
    ]
    with pytest.raises(AccuracyAssertionError, match="in 3 of 3 outputs"):
        assert_close(subject(ours), subject(theirs), inputs={"x": x}, rtol=0.2, atol=0.1)
    assert_close(subject(ours), subject(theirs), inputs={"x": x}, rtol=0.25, atol=0)


def test_shapes_and_missing_outputs_are_told(tmp_path):
    ours = write(tmp_path / "ours.onnx", ["FLOAT"], "Flatten", shape=("n", 3, 2))
    theirs = write(tmp_path / "theirs.onnx", ["FLOAT", "INT32"], shape=("n", 3, 2))
    with pytest.raises(AccuracyAssertionError) as failed:
        assert_close(subject(ours), subject(theirs), shapes={"x": "4x3x2"})
    assert "  output 'y0' float32: shape 4x6, reference 4x3x2" in str(failed.value)
    assert "  output 'y1': ours.onnx has none" in str(failed.value)
    with pytest.raises(AccuracyAssertionError, match="output 'y1': the reference has none"):
        assert_close(subject(theirs), subject(ours), shapes={"x": "4x3x2"})


def returned_as(path, kind, factor):
    """`x` times the factor, in the type alone."""
    model = onnx.load(write(path, ["FLOAT", kind], "Mul", factor))
    del model.graph.output[0]
    onnx.save(model, path)
    return subject(path)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("DOUBLE", 2**-20),
        ("FLOAT", 2**-7),
        ("FLOAT16", 2**-7),
        ("BFLOAT16", 2**-4),
        ("FLOAT8E4M3FN", 2**-2),
    ],
)
def test_default_tolerance_is_that_of_the_coarser_type(tmp_path, kind, error):
    x = {"x": np.array([[1, 2, 4]], np.float32)}
    for ours, theirs in [(kind, kind), (kind, "DOUBLE"), ("DOUBLE", kind)]:
        close = returned_as(tmp_path / "close.onnx", ours, 1 + error)
        far = returned_as(tmp_path / "far.onnx", ours, 1 + 4 * error)
        exact = returned_as(tmp_path / "exact.onnx", theirs, 1)
        assert_close(close, exact, inputs=x)
        with pytest.raises(AccuracyAssertionError, match=r"far.onnx differs from exact.onnx in 1"):
            assert_close(far, exact, inputs=x)


@pytest.mark.parametrize("narrow", ["FLOAT16", "BFLOAT16"])
@pytest.mark.parametrize("seed", [0, 3])
def test_engines_of_two_precisions_get_the_same_numbers(tmp_path, narrow, seed):
    if narrow == "BFLOAT16" and tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 20):
        pytest.skip("this ONNX Runtime cannot be fed with bfloat16")
    half = subject(write(tmp_path / "half.onnx", [narrow]))
    single = subject(write(tmp_path / "single.onnx", ["FLOAT"]))
    how = {"shapes": {"x": (5, 3)}, "seed": seed, "rtol": 0, "atol": 0}
    assert_close(half, single, **how)
    if narrow == "FLOAT16":
        assert_close(single, half, **how)
    else:
        with pytest.raises(MeasurementError, match="'x': values of float32 cannot be given as bfl"):
            assert_close(single, half, **how)


def test_engines_with_other_inputs_cannot_be_compared(tmp_path, write_model):
    words = subject(write(tmp_path / "words.onnx", ["STRING"]))
    numbers = subject(write(tmp_path / "numbers.onnx", ["FLOAT"]))
    with pytest.raises(MeasurementError, match="'x': values of float32 cannot be given as string"):
        assert_close(numbers, words, shapes={"x": (1, 3)})
    other = onnx.load(tmp_path / "numbers.onnx")
    other.graph.input[0].name = other.graph.node[0].input[0] = "z"
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(MeasurementError, match=r"other.onnx has the inputs 'z', numbers.* has 'x'"):
        assert_close(numbers, subject(tmp_path / "other.onnx"), shapes={"x": (1, 3)})


def test_whole_numbers_are_given_to_another_type_if_they_fit(tmp_path):
    long = subject(write(tmp_path / "long.onnx", ["INT64"]))
    short = subject(write(tmp_path / "short.onnx", ["INT32"]))
    most = np.array([[2**31 - 1, -(2**31), 7]])
    assert_close(long, short, inputs={"x": most})
    assert_close(short, long, inputs={"x": most.astype(np.int32)})
    with pytest.raises(MeasurementError, match="'x': values of int64 cannot be given as int32"):
        assert_close(long, short, inputs={"x": most + 1})


@pytest.mark.parametrize(
    ("here", "there", "dtype", "fit", "lost"),
    [
        ("FLOAT", "INT64", np.float32, [3, -2, 2**40], [0.9, 1, 2]),
        ("FLOAT", "INT64", np.float32, [3, -2, -(2**63)], [2**63, 0, 0]),
        ("FLOAT", "INT32", np.float32, [3, -2, 0], [np.inf, 0, 0]),
        ("FLOAT", "BOOL", np.float32, [1, 0, 1], [0.5, 0, 1]),
        ("FLOAT", "FLOAT16", np.float32, [0.1, -np.inf, 65504], [7e4, 0, 0]),
        ("DOUBLE", "FLOAT", np.float64, [0.1, np.inf, 3e38], [-1e39, 0, 0]),
        ("INT64", "BOOL", np.int64, [0, 1, 1], [2, 0, 1]),
        ("INT64", "DOUBLE", np.int64, [2**53, -1, 0], [2**53 + 1, -1, 0]),
        ("INT32", "FLOAT16", np.int32, [2048, -7, 0], [70000, 0, 0]),
    ],
)
def test_numbers_are_given_to_another_type_only_if_it_has_them(
    tmp_path, here, there, dtype, fit, lost
):
    ours = subject(write(tmp_path / "ours.onnx", [here]))
    theirs = subject(write(tmp_path / "theirs.onnx", [there]))
    assert_close(ours, theirs, inputs={"x": np.array([fit], dtype)})
    with pytest.raises(MeasurementError, match=r"'x': values of \w+ cannot be given as \w+; "):
        assert_close(ours, theirs, inputs={"x": np.array([lost], dtype)})


def test_reference_without_a_finite_value_proves_nothing(tmp_path):
    engine = subject(write(tmp_path / "log.onnx", ["FLOAT"], "Log"))
    with pytest.raises(AccuracyAssertionError, match="'y0' float32: the reference returns no fin"):
        assert_close(engine, engine, inputs={"x": np.full((2, 3), -1, np.float32)})
    assert_close(engine, engine, inputs={"x": np.array([[-1, 0, 2]], np.float32)})


def test_outputs_that_are_all_empty_prove_nothing(tmp_path):
    helper, kind = onnx.helper, onnx.TensorProto
    path = write(tmp_path / "found.onnx", ["FLOAT"])
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("NonZero", ["x"], ["at"]))
    model.graph.node.append(helper.make_node("Cast", ["at"], ["found"], to=kind.FLOAT))
    model.graph.output.append(helper.make_tensor_value_info("found", kind.FLOAT, [2, "k"]))
    onnx.save(model, path)
    both = subject(path)
    assert_close(both, both, inputs={"x": np.zeros((1, 3), np.float32)})
    del model.graph.output[0]
    onnx.save(model, path)
    alone = subject(path)
    assert_close(alone, alone, inputs={"x": np.ones((1, 3), np.float32)})
    with pytest.raises(
        AccuracyAssertionError,
        match=r"no value was compared: all outputs of found.onnx are empty \(inputs: x 1x3\); pass",
    ):
        assert_close(alone, alone, inputs={"x": np.zeros((1, 3), np.float32)})


class Watched(OnnxRuntimeEngine):
    """Remembers its sessions, which have no queries left when they are closed."""

    def create_session(self, *args):
        self.session = super().create_session(*args)
        return self.session


def test_sessions_are_closed(tmp_path):
    path = write(tmp_path / "model.onnx", ["FLOAT"])
    ours, theirs = Watched(path), Watched(path)
    assert_close(Side("ours", ours), Side("theirs", theirs), shapes={"x": (1, 3)})
    text = Watched(write(tmp_path / "text.onnx", ["FLOAT", "STRING"]))
    with pytest.raises(MeasurementError, match=r"^text: output 'y1' has dtype string"):
        assert_close(Side("text", text), Side("theirs", theirs), shapes={"x": (1, 3)})
    for engine in (ours, theirs, text):
        assert engine.session.queries == []


def test_query_that_fails_asks_for_inputs(tmp_path):
    helper, kind = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["y"])],
        "lookup",
        [helper.make_tensor_value_info("ids", kind.INT64, ["n"])],
        [helper.make_tensor_value_info("y", kind.FLOAT, ["n"])],
        [onnx.numpy_helper.from_array(np.arange(4, dtype=np.float32), "table")],
    )
    path = tmp_path / "lookup.onnx"
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    lookup = subject(path)
    with pytest.raises(MeasurementError, match=r"^lookup.onnx: (?s:.*)pass them as inputs="):
        assert_close(lookup, lookup, shapes={"ids": (8,)})
    assert_close(lookup, lookup, inputs={"ids": np.array([3, 0], np.int64)})
    with pytest.raises(ShapeError, match="'ids' is dynamic"):
        assert_close(lookup, lookup)


@pytest.mark.parametrize("tolerance", [-1, float("nan"), float("inf"), "1e-3"])
def test_tolerances_are_checked(tmp_path, tolerance):
    engine = subject(write(tmp_path / "model.onnx", ["FLOAT"]))
    with pytest.raises(ValueError, match="rtol="):
        assert_close(engine, engine, rtol=tolerance)
    with pytest.raises(ValueError, match="atol="):
        assert_close(engine, engine, atol=tolerance)


def test_reference_does_what_the_file_says(tmp_path):
    helper, kind = onnx.helper, onnx.TensorProto
    many = np.full((1, 1, 1, 1), 1e30, np.float32)
    # Optimized, the two weights become one, which is infinite.
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Mul", ["a", "s"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", kind.FLOAT, many.shape)],
        [helper.make_tensor_value_info("y", kind.FLOAT, many.shape)],
        [onnx.numpy_helper.from_array(many, "w"), onnx.numpy_helper.from_array(many[0], "s")],
    )
    path = tmp_path / "model.onnx"
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    reference = reference_of(path, "onnxruntime")
    assert_close(reference, reference, inputs={"x": 1 / many})


def test_references_that_cannot_be(tmp_path, monkeypatch):
    path = write(tmp_path / "model.onnx", ["FLOAT"])
    assert reference_of(path, "onnxruntime").name == "model.onnx on onnxruntime"
    assert reference_of(None, str(path)).name == "model.onnx on onnxruntime"
    with pytest.raises(EngineLoadError, match="a plan, which ONNX Runtime cannot run"):
        reference_of(None, "onnxruntime")
    for wrong in ("torch", None, 3):
        with pytest.raises(ValueError, match="it takes 'onnxruntime', the path of an ONNX file"):
            reference_of(path, wrong)
    with pytest.raises(ValueError, match=r"'fast\.plan' is a plan, which ONNX Runtime cannot run"):
        reference_of(path, "fast.plan")
    (tmp_path / "renamed.onnx").write_bytes(b"ptrt" + bytes(100))
    with pytest.raises(EngineBuildError, match=r"renamed\.onnx: not a complete ONNX model"):
        reference_of(path, tmp_path / "renamed.onnx")
    with pytest.raises(EngineBuildError, match="there is no such file"):
        reference_of(path, tmp_path / "none.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendUnavailable, match=r"install pytest-trtperf\[cpu\]"):
        reference_of(path, "onnxruntime")
