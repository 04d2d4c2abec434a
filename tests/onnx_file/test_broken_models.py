"""Files that are no model, or one that two readers take for two."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.onnx_file.external_data import external_files
from tests.onnx_file.message_bytes import field, model_around


@pytest.mark.parametrize(
    ("make", "complaint"),
    [(Path.mkdir, "this is a directory"), (Path.touch, "the file is empty")],
)
def test_what_is_no_file_is_named(tmp_path, make, complaint):
    make(tmp_path / "model.onnx")
    with pytest.raises(EngineBuildError, match=rf"model\.onnx: {complaint}"):
        external_files(tmp_path / "model.onnx")


def test_every_truncation_is_noticed(dynamic_model, tmp_path):
    whole = dynamic_model.read_bytes()
    cut = tmp_path / "cut.onnx"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(EngineBuildError, match=r"cut\.onnx"):
            external_files(cut)


@given(st.binary(max_size=200))
def test_other_files_are_refused_and_nothing_else_happens(content):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "noise.onnx"
        path.write_bytes(content)
        with pytest.raises(EngineBuildError, match=r"noise\.onnx"):
            external_files(path)


def test_a_git_lfs_pointer_is_suspected(tmp_path):
    pointer = tmp_path / "model.onnx"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n")
    with pytest.raises(EngineBuildError, match=r"model\.onnx: not a complete ONNX .*Git LFS"):
        external_files(pointer)


def test_hostile_nesting_does_not_exhaust_the_stack(tmp_path):
    graph = b""
    for _ in range(2000):
        graph = field(1, field(5, field(6, graph)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(model_around(graph))
    assert external_files(path) == []


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(b"\x70\x81\x80\x80\x80\x10", id="2**32 + 1, which protobuf cuts to 1"),
        pytest.param(b"\x70\x01\x70\x05", id="1, then a value that protobuf skips"),
        pytest.param(b"\x70\x01\x72\x00", id="1, then a value of another type"),
    ],
)
def test_what_only_protobuf_takes_for_external_is_checked_too(tmp_path, where):
    onnx = pytest.importorskip("onnx")
    location = field(13, field(1, b"location") + field(2, b"../outside.bin"))
    path = tmp_path / "sly.onnx"
    path.write_bytes(model_around(field(5, location + where)))
    (tensor,) = onnx.ModelProto.FromString(path.read_bytes()).graph.initializer
    assert tensor.data_location == onnx.TensorProto.EXTERNAL
    with pytest.raises(EngineBuildError, match="outside the model's directory"):
        external_files(path)


def test_a_tensor_in_two_parts_is_refused(tmp_path):
    """Protobuf joins the two to one tensor, whose location is the second."""
    onnx = pytest.importorskip("onnx")
    parts = [onnx.TensorProto(), onnx.TensorProto()]
    for part, location in zip(parts, ["model.onnx", "../outside.bin"], strict=True):
        part.external_data.add(key="location", value=location)
    parts[0].data_location = onnx.TensorProto.EXTERNAL
    attribute = b"".join(field(5, part.SerializeToString()) for part in parts)
    path = tmp_path / "model.onnx"
    path.write_bytes(model_around(field(1, field(5, attribute))))
    (node,) = onnx.ModelProto.FromString(path.read_bytes()).graph.node
    assert [entry.value for entry in node.attribute[0].t.external_data][-1] == "../outside.bin"
    with pytest.raises(EngineBuildError, match="a tensor comes in two parts"):
        external_files(path)


def test_two_locations_of_one_tensor_are_refused(external_model):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(external_model, load_external_data=False)
    model.graph.initializer[0].external_data.add(key="location", value="../outside.bin")
    external_model.write_bytes(model.SerializeToString())
    with pytest.raises(EngineBuildError, match="two values for 'location'"):
        external_files(external_model)
