from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.engine.onnx_external import external_files
from pytest_trtperf.errors import EngineBuildError


def with_location(model: Path, **entries: str) -> Path:
    """Rewrites where a model says that its weights are."""
    onnx = pytest.importorskip("onnx")
    proto = onnx.load(model, load_external_data=False)
    tensor = proto.graph.initializer[0]
    del tensor.external_data[:]
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    model.write_bytes(proto.SerializeToString())
    return model


def test_weights_inside_the_file_need_no_other(dynamic_model):
    assert external_files(dynamic_model) == []


def test_weights_beside_the_file_are_found_once(external_model, tmp_path):
    assert external_files(external_model) == [tmp_path / "weights.bin"]


def test_a_folder_below_the_model_is_beside_it(external_model, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "weights.bin").rename(tmp_path / "data" / "w.bin")
    with_location(external_model, location="data/w.bin")
    assert external_files(external_model) == [tmp_path / "data" / "w.bin"]


def test_weights_in_branches_and_attributes_are_found(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT

    def external(name):
        tensor = onnx.TensorProto(name=name, data_type=floats, dims=[1])
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=f"{name}.bin")
        (tmp_path / f"{name}.bin").write_bytes(bytes(4))
        return tensor

    output = helper.make_tensor_value_info("y", floats, [1])
    constant = helper.make_node("Constant", [], ["y"], value=external("constant"))
    then = helper.make_graph([constant], "then", [], [output])
    other = helper.make_graph([], "else", [], [output], [external("branch")])
    node = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
    condition = helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    sparse = onnx.SparseTensorProto(values=external("sparse"), dims=[1])
    graph = helper.make_graph([node], "g", [condition], [output], sparse_initializer=[sparse])
    (tmp_path / "if.onnx").write_bytes(helper.make_model(graph).SerializeToString())

    found = external_files(tmp_path / "if.onnx")
    assert [path.name for path in found] == ["branch.bin", "constant.bin", "sparse.bin"]


def test_missing_weights_are_named(external_model, tmp_path):
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(EngineBuildError, match=r"weights\.bin: .*external\.onnx is missing"):
        external_files(external_model)


def test_short_weights_say_how_much_is_missing(external_model, tmp_path):
    (tmp_path / "weights.bin").write_bytes(bytes(63))
    with pytest.raises(EngineBuildError, match=r"weights\.bin: .*needs 64 bytes.* has 63"):
        external_files(external_model)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "a/../../weights.bin"])
def test_weights_outside_the_directory_are_refused(external_model, location):
    with pytest.raises(EngineBuildError, match="outside the model's directory"):
        external_files(with_location(external_model, location=location))


def test_a_link_out_of_the_directory_is_refused(external_model, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "weights.bin"
    (tmp_path / "weights.bin").rename(outside)
    (tmp_path / "weights.bin").symlink_to(outside)
    with pytest.raises(EngineBuildError, match="outside the model's directory"):
        external_files(external_model)


def test_a_model_linked_into_a_store_with_its_weights_works(external_model, tmp_path):
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for name in ("external.onnx", "weights.bin"):
        (snapshot / name).symlink_to(tmp_path / name)
    assert external_files(snapshot / "external.onnx") == [snapshot / "weights.bin"]


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ({"offset": "0"}, "names no file"),
        ({"location": "w\0.bin"}, "names no file"),
        ({"location": "weights.bin", "offset": "-4"}, "broken offset or length"),
        ({"location": "weights.bin", "length": "many"}, "broken offset or length"),
    ],
)
def test_broken_entries_are_refused(external_model, entries, complaint):
    with pytest.raises(EngineBuildError, match=complaint):
        external_files(with_location(external_model, **entries))


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


def field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that has a length."""
    length, size = b"", len(content)
    while size >= 0x80:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def model_around(graph: bytes) -> bytes:
    return b"\x08\x08" + field(7, graph) + field(8, b"")


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


def test_two_locations_of_one_tensor_are_refused(external_model):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(external_model, load_external_data=False)
    model.graph.initializer[0].external_data.add(key="location", value="../outside.bin")
    external_model.write_bytes(model.SerializeToString())
    with pytest.raises(EngineBuildError, match="two values for 'location'"):
        external_files(external_model)


def test_a_linked_folder_that_leads_out_is_refused(external_model, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (tmp_path / "weights.bin").rename(outside / "weights.bin")
    (tmp_path / "data").symlink_to(outside)
    with pytest.raises(EngineBuildError, match="outside the model's directory"):
        external_files(with_location(external_model, location="data/weights.bin"))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [(Path.mkdir, "this is a directory"), (Path.touch, "the file is empty")],
)
def test_what_is_no_file_is_named(tmp_path, make, complaint):
    make(tmp_path / "model.onnx")
    with pytest.raises(EngineBuildError, match=rf"model\.onnx: {complaint}"):
        external_files(tmp_path / "model.onnx")
