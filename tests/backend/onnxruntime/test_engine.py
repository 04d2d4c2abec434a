"""Sessions of ONNX Runtime on real models."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_trtperf.backend.dtypes import ITEM_SIZES, is_held_as_bits, stored_dtype
from pytest_trtperf.backend.generated_inputs import random_input
from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.errors import EngineBuildError, MeasurementError, ShapeError

pytest.importorskip("onnxruntime")


@pytest.fixture
def engine(tmp_path, write_model):
    return OnnxRuntimeEngine(write_model(tmp_path / "model.onnx"))


def test_inputs_and_outputs_are_reported(engine):
    (given,), (returned,) = engine.inputs, engine.outputs
    assert (given.name, given.shape, given.dtype) == ("x", (None, 256), "float32")
    assert (returned.name, returned.shape, returned.dtype) == ("y", (None, 256), "float32")


def test_session_runs_with_concrete_shapes(engine):
    session = engine.create_session({"x": (3, 256)}, Mode(seed=5))
    session.queries[0]()
    assert session.cold_start_ms > 0
    assert session.shapes == {"x": (3, 256)}
    assert session.mode["seed"] == 5
    session.close()


@pytest.mark.parametrize("shape", [(3, 255), (3,), (3, 256, 1), ()])
def test_shape_that_does_not_fit_lists_the_inputs(engine, shape):
    with pytest.raises(ShapeError, match=r"does not fit input 'x'.*the inputs are 'x'.*n x 256"):
        engine.create_session({"x": shape}, Mode())


def test_unknown_name_lists_the_inputs(engine):
    with pytest.raises(ShapeError, match=r"no input named a, b; the inputs are 'x'"):
        engine.create_session({"x": (1, 256), "b": (1,), "a": (1,)}, Mode())


def test_dynamic_input_needs_a_shape(engine):
    with pytest.raises(
        ShapeError, match=r"'x' is dynamic: pass dims={\"n\": 8}, or shapes={\"x\": \(8, 256\)};"
    ):
        engine.create_session({}, Mode())


def test_static_input_needs_none(tmp_path, write_model):
    engine = OnnxRuntimeEngine(write_model(tmp_path / "model.onnx", batch=4))
    assert engine.create_session({}, Mode()).shapes == {"x": (4, 256)}


def test_file_that_is_no_model(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(EngineBuildError, match=r"model\.onnx: ONNX Runtime cannot load"):
        OnnxRuntimeEngine(path)


def test_model_that_fails_on_its_inputs(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info(name, kind, ["i", "j"]) for name in ("a", "b")],
        [helper.make_tensor_value_info("c", kind, ["i", "j"])],
    )
    path = tmp_path / "product.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    with pytest.raises(MeasurementError, match="cannot run the model"):
        OnnxRuntimeEngine(path).create_session({"a": (2, 3), "b": (2, 3)}, Mode())


KINDS = {"float32": "FLOAT", "float64": "DOUBLE", "float8_e4m3fn": "FLOAT8E4M3FN"}


def save(path, nodes, inputs=(), outputs=(), opset=17, domains=()):
    """A model of these nodes; inputs and outputs are `ValueInfoProto`s."""
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph(nodes, "graph", list(inputs), list(outputs))
    opsets = [onnx.helper.make_opsetid(*one) for one in [("", opset), *((d, 2) for d in domains)]]
    model = onnx.helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 9
    onnx.save(model, path)
    return path


def identity(path, dtype, shape, opset=17):
    """`y = x`."""
    onnx = pytest.importorskip("onnx")
    kind = getattr(onnx.TensorProto, KINDS.get(dtype, dtype.upper()))
    infos = [onnx.helper.make_tensor_value_info(name, kind, shape) for name in "xy"]
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    return save(path, [node], infos[:1], infos[1:], opset)


def feeds_bits():
    version = pytest.importorskip("onnxruntime").__version__
    return tuple(map(int, version.split(".")[:2])) >= (1, 20)


@pytest.mark.parametrize("shape", [(2, 3), (), (0, 3), (1, 0)])
@pytest.mark.parametrize("dtype", ITEM_SIZES)
def test_values_of_all_types_come_back(tmp_path, dtype, shape):
    if is_held_as_bits(dtype) and not feeds_bits():
        pytest.skip("this ONNX Runtime cannot be fed with types that numpy lacks")
    path = identity(tmp_path / "copy.onnx", dtype, shape, 19 if "float8" in dtype else 17)
    engine = OnnxRuntimeEngine(path)
    assert [engine.inputs[0].dtype, engine.outputs[0].dtype] == [dtype, dtype]
    stored = stored_dtype(dtype)
    values = np.arange(1, 1 + math.prod(shape)).astype(stored).reshape(shape)
    for mode in (Mode(), Mode(concurrency=2)):
        session = engine.create_session({}, mode, {"x": values})
        for query in session.queries:
            query()
        (returned,) = session.output_values().values()
        assert returned.dtype == stored
        np.testing.assert_array_equal(returned, values, strict=True)
        session.close()
    if dtype != "float8_e4m3fn":
        generated = engine.create_session({}, Mode(seed=3)).output_values()["y"]
        np.testing.assert_array_equal(generated, random_input("x", shape, dtype, 3))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("STRING", r"input 'x' has dtype string, for which no values can be generated: give"),
        ("sequence", r"input 'x' has dtype seq\(tensor\(float\)\), which cannot be fed"),
        ("optional", r"input 'x' has dtype optional\(tensor\(float\)\), which cannot be fed"),
    ],
)
def test_types_that_cannot_be_fed_are_refused(tmp_path, kind, message):
    helper = pytest.importorskip("onnx").helper
    if kind == "STRING":
        path = identity(tmp_path / "copy.onnx", "string", [2])
    else:
        inner = helper.make_tensor_type_proto(1, [2])
        make = getattr(helper, f"make_{kind}_type_proto")
        infos = [helper.make_value_info(name, make(inner)) for name in "xy"]
        node = helper.make_node("Identity", ["x"], ["y"])
        path = save(tmp_path / "copy.onnx", [node], infos[:1], infos[1:])
    with pytest.raises(MeasurementError, match=message):
        OnnxRuntimeEngine(path).create_session({"x": (2,)} if kind == "STRING" else {}, Mode())


def numbered(path):
    """The number of each of `words`, which are `a` and `ü`, or -1; and other numbers."""
    helper = pytest.importorskip("onnx").helper
    info = helper.make_tensor_value_info
    encoder = {"keys_strings": ["a", "ü"], "values_int64s": [1, 2]}
    nodes = [
        helper.make_node("LabelEncoder", ["words"], ["ids"], domain="ai.onnx.ml", **encoder),
        helper.make_node("Relu", ["x"], ["y"]),
    ]
    inputs = [info("words", 8, ["n"]), info("x", 1, [3])]
    outputs = [info("ids", 7, ["n"]), info("y", 1, [3])]
    return save(path, nodes, inputs, outputs, domains=("ai.onnx.ml",))


def test_texts_are_fed_beside_numbers(tmp_path):
    engine = OnnxRuntimeEngine(numbered(tmp_path / "words.onnx"))
    assert [tensor.dtype for tensor in engine.inputs] == ["string", "float32"]
    words = np.array(["a", "longer", "ü"])
    session = engine.create_session({}, Mode(concurrency=2), {"words": words})
    for query in session.queries:
        query()
    returned = session.output_values()
    assert returned["ids"].tolist() == [1, -1, 2]
    assert returned["y"].shape == (3,)
    session.close()
    with pytest.raises(MeasurementError, match="'words' has dtype string, for which no values"):
        engine.create_session({"words": (3,)}, Mode())


def test_an_output_of_another_rank_than_declared_is_measured(tmp_path):
    """ONNX Runtime warns of it in the first query, and fails in the second."""
    helper = pytest.importorskip("onnx").helper
    inputs = [
        helper.make_tensor_value_info("x", 1, [6]),
        helper.make_tensor_value_info("to", 7, ["n"]),
    ]
    output = helper.make_tensor_value_info("y", 1, [1, 6])
    nodes = [
        helper.make_node("Reshape", ["x", "to"], ["shaped"]),
        helper.make_node("Identity", ["shaped"], ["y"]),
    ]
    engine = OnnxRuntimeEngine(save(tmp_path / "rank.onnx", nodes, inputs, [output]))
    session = engine.create_session({}, Mode(concurrency=2), {"to": np.array([1, 2, 3])})
    for query in session.queries * 2:
        query()
    assert session.output_values()["y"].shape == (1, 2, 3)
    session.close()


def test_texts_that_are_returned_are_not_read(tmp_path):
    engine = OnnxRuntimeEngine(identity(tmp_path / "copy.onnx", "string", [2]))
    session = engine.create_session({}, Mode(), {"x": np.array(["a", "b"])})
    with pytest.raises(MeasurementError, match="output 'y' has dtype string, whose values"):
        session.output_values()
    session.close()


def test_output_that_is_no_tensor_is_measured_and_not_read(tmp_path):
    helper = pytest.importorskip("onnx").helper
    tensor = helper.make_tensor_value_info("x", 1, [4, 2])
    words = helper.make_value_info(
        "y", helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, None))
    )
    node = helper.make_node("SplitToSequence", ["x"], ["y"])
    engine = OnnxRuntimeEngine(save(tmp_path / "split.onnx", [node], [tensor], [words]))
    session = engine.create_session({}, Mode())
    session.queries[0]()
    assert session.empty_outputs == {}
    with pytest.raises(
        MeasurementError, match=r"output 'y' has dtype seq\(tensor\(float\)\), whose"
    ):
        session.output_values()


def found(path, *others):
    """Writes a model that returns the places of what is not 0, and for each of others itself."""
    helper = pytest.importorskip("onnx").helper
    nodes = [helper.make_node("NonZero", ["x"], ["y"])]
    nodes += [helper.make_node("Identity", ["x"], [name]) for name in others]
    infos = [helper.make_tensor_value_info(name, 1, ["n"]) for name in ("x", *others)]
    places = helper.make_tensor_value_info("y", 7, [1, None])
    return OnnxRuntimeEngine(save(path / "found.onnx", nodes, infos[:1], [places, *infos[1:]]))


@pytest.mark.parametrize(
    ("others", "sets", "empty"),
    [
        ((), [[0, 0]], {"y": (1, 0)}),
        ((), [[0, 0], [0, -0.0]], {"y": (1, 0)}),
        ((), [[0, 0], [0, 1]], {}),
        ((), [[0, 1], [0, 0]], {}),
        (("z",), [[0, 0]], {}),
        (("z",), [[]], {"y": (1, 0), "z": (0,)}),
    ],
)
def test_outputs_are_empty_if_no_set_fills_any(tmp_path, others, sets, empty):
    values = [{"x": np.array(one, np.float32)} for one in sets]
    session = found(tmp_path, *others).create_session({}, Mode(), values)
    assert session.empty_outputs == empty
    session.close()


def test_model_without_inputs_and_with_several_outputs(tmp_path):
    helper = pytest.importorskip("onnx").helper
    nodes = [
        helper.make_node("Constant", [], ["b"], value_ints=[3, 1, 2]),
        helper.make_node("Constant", [], ["a"], value_float=0.5),
    ]
    infos = [helper.make_tensor_value_info("b", 7, [3]), helper.make_tensor_value_info("a", 1, [])]
    engine = OnnxRuntimeEngine(save(tmp_path / "constants.onnx", nodes, (), infos))
    session = engine.create_session({}, Mode())
    returned = session.output_values()
    assert {name: values.tolist() for name, values in returned.items()} == {
        "b": [3, 1, 2],
        "a": 0.5,
    }


def test_profile_of_a_shape_tensor_gives_values(tmp_path):
    helper = pytest.importorskip("onnx").helper
    node = helper.make_node("Reshape", ["x", "s"], ["y"])
    infos = [
        helper.make_tensor_value_info("x", 1, ["n", 8]),
        helper.make_tensor_value_info("s", 7, [2]),
        helper.make_tensor_value_info("y", 1, [None, None]),
    ]
    model = save(tmp_path / "reshape.onnx", [node], infos[:2], infos[2:])
    (profiles,) = parse_profiles({"x": ("1x8", "4x8", "4x8"), "s": "4x8"})
    engine = OnnxRuntimeEngine(model, profiles)
    session = engine.create_session({"x": (4, 8)}, Mode(), {"s": np.array([2, 16])})
    assert session.output_values()["y"].shape == (2, 16)
    with pytest.raises(ShapeError, match="outside the profile"):
        engine.create_session({"x": (5, 8)}, Mode(), {"s": np.array([2, 20])})


def test_an_input_may_be_empty(tmp_path):
    helper = pytest.importorskip("onnx").helper
    node = helper.make_node("Concat", ["past", "x"], ["y"], axis=0)
    past, x, y = (helper.make_tensor_value_info(name, 1, ["n", 4]) for name in ("past", "x", "y"))
    model = save(tmp_path / "concat.onnx", [node], [past, x], [y])
    (profiles,) = parse_profiles({"past": ("0x4", "8x4", "8x4"), "x": ("0x4", "1x4", "2x4")})
    engine = OnnxRuntimeEngine(model, profiles)
    session = engine.create_session({"past": (0, 4), "x": (2, 4)}, Mode())
    assert session.output_values()["y"].shape == (2, 4)
    (negative,) = parse_profiles({"past": "1x4", "x": ("-1x4", "4x4", "8x4")})
    with pytest.raises(ShapeError, match="shape -1x4 does not fit input 'x'"):
        OnnxRuntimeEngine(model, negative)


def test_the_only_shape_of_a_profile_need_not_be_given(tmp_path, write_model):
    (profiles,) = parse_profiles({"x": "4x256"})
    engine = OnnxRuntimeEngine(write_model(tmp_path / "model.onnx"), profiles)
    assert engine.create_session({}, Mode()).shapes == {"x": (4, 256)}
    with pytest.raises(
        ShapeError, match="5x256 of input 'x' is outside the profile: min 4x256, max"
    ):
        engine.create_session({"x": (5, 256)}, Mode())


def test_output_that_is_listed_twice_is_refused(tmp_path):
    helper = pytest.importorskip("onnx").helper
    info = {name: helper.make_tensor_value_info(name, 1, [2]) for name in "xy"}
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    model = save(tmp_path / "twice.onnx", nodes, [info["x"]], [info["y"], info["y"]])
    with pytest.raises(EngineBuildError, match=r"twice\.onnx"):
        OnnxRuntimeEngine(model)


def test_outputs_are_copies_of_the_first_place_in_flight(engine):
    session = engine.create_session({"x": (3, 256)}, Mode(concurrency=2))
    first = session.output_values()["y"]
    kept = first.copy()
    session.queries[0]()
    session.close()
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(("opset", "ir_version"), [(999, 8), (17, 999)])
def test_versions_beyond_this_onnx_runtime_say_what_to_do(tmp_path, opset, ir_version):
    onnx = pytest.importorskip("onnx")
    path = identity(tmp_path / "new.onnx", "float32", [2])
    model = onnx.load(path)
    model.opset_import[0].version, model.ir_version = opset, ir_version
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EngineBuildError, match=r"new\.onnx: ") as refused:
        OnnxRuntimeEngine(path)
    text = str(refused.value)
    assert "999" in text
    assert "update onnxruntime, or export the model for an older opset and IR version" in text


def test_operator_that_onnx_runtime_lacks_is_named(tmp_path):
    helper = pytest.importorskip("onnx").helper
    infos = [helper.make_tensor_value_info(name, 1, [2]) for name in "xy"]
    node = helper.make_node("Mystery", ["x"], ["y"], domain="my.ops")
    path = save(tmp_path / "custom.onnx", [node], infos[:1], infos[1:])
    with pytest.raises(EngineBuildError, match="Mystery"):
        OnnxRuntimeEngine(path)
