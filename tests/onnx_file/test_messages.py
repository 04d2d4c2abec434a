"""What is said about ONNX files that cannot be read, parsed or built."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.onnx_file.messages import build_messages
from pytest_trtperf.onnx_file.outline import outline

onnx = pytest.importorskip("onnx")

RTX = "tensorrt-rtx"
NAMES = st.text("abcxyz/.:_é", min_size=1, max_size=12)
# TensorProto.UNDEFINED is no type, and older releases of onnx know fewer.
KINDS = sorted(set(onnx.TensorProto.DataType.values()) - {0})


def save(path, nodes, inputs, outputs, opset=17, domains=(), initializers=(), ir_version=8):
    """A model of these nodes; inputs and outputs are a type and a shape by name."""
    helper = onnx.helper
    infos = [
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in of.items()]
        for of in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "graph", *infos, list(initializers))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = ir_version
    path.write_bytes(model.SerializeToString())
    return path


def refusal(path):
    pytest.importorskip("tensorrt_rtx")
    with pytest.raises(EngineBuildError) as refused:
        build_plan(EngineSpec(path), RTX)
    return str(refused.value)


FLOAT, INT8, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT8, onnx.TensorProto.INT64


def test_all_unsupported_operators_are_listed_at_once(tmp_path):
    make = onnx.helper.make_node
    path = save(
        tmp_path / "model.onnx",
        [
            make("Relu", ["x"], ["h"], name="fine"),
            make("Det", ["h"], ["d"], name="first"),
            make("Custom", ["h"], ["c"], name="second", domain="my.ops"),
            make("Unique", ["h"], ["u"], name="third"),
        ],
        {"x": (FLOAT, [2, 2])},
        dict.fromkeys("dcu", (FLOAT, None)),
        domains=["my.ops"],
    )
    headline, *lines = refusal(path).splitlines()
    assert headline.endswith("model.onnx: TensorRT cannot parse this model:")
    assert len(lines) == 4
    assert "node 1 'first' (Det): not supported by this TensorRT" in lines[0]
    assert "node 2 'second' (Custom): " in lines[1]
    assert "node 3 'third' (Unique): " in lines[2]
    assert "what to do: TensorRT lacks these operators" in lines[3]


def test_one_operator_at_many_nodes_is_one_message(tmp_path):
    names = ["x", *(f"h{number}" for number in range(1000)), "y"]
    nodes = [
        onnx.helper.make_node("Det", [one], [other], name=f"at_{one}")
        for one, other in itertools.pairwise(names)
    ]
    path = save(tmp_path / "model.onnx", nodes, {"x": (FLOAT, [2, 2])}, {"y": (FLOAT, None)})
    headline, *lines = refusal(path).splitlines()
    assert headline.endswith("model.onnx: TensorRT cannot parse this model:")
    assert "node 0 'at_x' (Det): " in lines[0]
    assert lines[0].endswith(", and 1000 more of these")
    assert len(lines) == 2


def test_types_that_tensorrt_lacks_are_reported(tmp_path):
    kind = onnx.TensorProto.UINT16
    path = save(
        tmp_path / "model.onnx",
        [onnx.helper.make_node("Add", ["x", "y"], ["z"])],
        {"x": (kind, [3, "n"]), "y": (kind, [])},
        {"z": (kind, None)},
    )
    text = refusal(path)
    assert "tensor 'x': TensorRT has no type for uint16 3 x n" in text
    assert "tensor 'y': TensorRT has no type for uint16 scalar" in text


@pytest.mark.parametrize("entries", [{}, {"length": "8"}])
def test_external_data_of_another_length_than_its_tensor_is_named(tmp_path, entries):
    weight = onnx.TensorProto(name="w", data_type=FLOAT, dims=[1])
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "w.bin", **entries}.items():
        weight.external_data.add(key=key, value=value)
    (tmp_path / "w.bin").write_bytes(bytes(8))
    path = save(
        tmp_path / "model.onnx",
        [onnx.helper.make_node("Add", ["x", "w"], ["y"])],
        {"x": (FLOAT, [1])},
        {"y": (FLOAT, [1])},
        initializers=[weight],
    )
    assert "tensor 'w' needs 4 bytes, and TensorRT counts 8 in 'w.bin'" in refusal(path)


def test_node_that_cannot_be_built_is_reported_by_its_operator(tmp_path):
    tensor = (INT8, [2, 3])
    path = save(
        tmp_path / "model.onnx",
        [onnx.helper.make_node("Add", ["x", "y"], ["sum"])],
        {"x": tensor, "y": tensor},
        {"sum": tensor},
    )
    text = refusal(path)
    assert "(node_of_sum is Add)" in text
    # Without a GPU every failure is followed by one of CUDA's.
    assert "catchCudaError" not in text


def test_reason_without_a_name_lists_the_operators(tmp_path):
    make = onnx.helper.make_node
    inner = onnx.helper.make_graph(
        [make("Tanh", ["x"], ["t"])],
        "branch",
        [],
        [onnx.helper.make_tensor_value_info("t", FLOAT, [2])],
    )
    path = save(
        tmp_path / "model.onnx",
        [
            make("If", ["c"], ["h"], then_branch=inner, else_branch=inner),
            make("Sub", ["h", "x"], ["y"]),
        ],
        {"c": (onnx.TensorProto.BOOL, []), "x": (FLOAT, [2])},
        {"y": (FLOAT, None)},
        opset=6,
    )
    text = build_messages(["something is wrong", "something is wrong"], path)
    assert text == ["something is wrong", "operators of the model (opset 6): If, Sub, Tanh"]
    assert build_messages(["a Sub is wrong"], path) == ["a Sub is wrong"]
    assert build_messages([], tmp_path / "none.onnx") == []


@given(
    inputs=st.dictionaries(
        NAMES,
        st.tuples(
            st.sampled_from(KINDS),
            st.none() | st.lists(st.integers(0, 2**40) | st.just("n"), max_size=3),
        ),
        max_size=3,
    ),
    nodes=st.dictionaries(NAMES, st.sampled_from(["Add", "Conv", "Mine"]), max_size=3),
    opset=st.integers(1, 99),
)
def test_outline_is_what_was_written(tmp_path_factory, inputs, nodes, opset):
    made = [
        onnx.helper.make_node(operator, [], ["y"], name=name) for name, operator in nodes.items()
    ]
    path = save(tmp_path_factory.mktemp("m") / "m.onnx", made, inputs, {}, opset)
    found = outline(path)
    assert found.opset == opset
    assert found.operators == nodes
    assert set(found.tensors) == set(inputs)
    for name, (kind, shape) in inputs.items():
        assert found.shapes.get(name) == (None if shape is None else tuple(shape))
        element, _, dims = found.tensors[name].partition(" ")
        # onnx writes FLOAT16 and FLOAT8E4M3FN where numpy and ml_dtypes write float16 and so on.
        spelling = {"FLOAT": "float32", "DOUBLE": "float64"}
        wanted = spelling.get(name := onnx.TensorProto.DataType.Name(kind), name.lower())
        assert element.replace("_", "") == wanted.replace("_", "")
        by = " x " if "n" in (shape or ()) else "x"
        expected = shape and by.join(map(str, shape))
        assert dims == ("" if shape is None else expected or "scalar")


def test_outline_has_no_more_tensors_than_a_model(tmp_path):
    path = tmp_path / "many.onnx"
    graph = onnx.GraphProto()
    graph.input.extend(onnx.ValueInfoProto(name=f"x{number // 2}") for number in range(30_000))
    path.write_bytes(onnx.ModelProto(graph=graph).SerializeToString())
    assert len(outline(path).inputs) == 10_000


@given(st.binary(max_size=300))
def test_outline_of_anything_is_an_outline(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("noise") / "noise.onnx"
    path.write_bytes(b"\x08\x08" + content)
    outline(path)


def test_nested_types_are_reported_and_end(tmp_path):
    helper = onnx.helper
    nested = helper.make_tensor_type_proto(FLOAT, [2])
    path = tmp_path / "nested.onnx"
    for level in range(1, 30):
        nested = helper.make_sequence_type_proto(nested)
        graph = helper.make_graph([], "g", [helper.make_value_info("x", nested)], [])
        path.write_bytes(helper.make_model(graph).SerializeToString())
        text = outline(path).tensors["x"]
        assert text.startswith("sequence(" * min(level, 9))
        assert ("float32 2" in text) == (level < 9)


def test_file_above_2_gib_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "large.onnx"
    path.write_bytes(b"\x08\x08")
    with path.open("r+b") as file:
        file.truncate(3 << 30)  # sparse: no block of it is on the disk
    message = r"large\.onnx: .* 2 GiB.*save_as_external_data=True"
    with pytest.raises(EngineBuildError, match=message):
        EngineSpec(path).describe(RTX, "1.4", None)
