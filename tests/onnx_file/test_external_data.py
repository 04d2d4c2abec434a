"""Where the weights of a model lie, and which places are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.onnx_file.external_data import external_files


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


def test_weights_are_found_wherever_a_model_may_have_them(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT

    def external(name, location="{}.bin"):
        tensor = onnx.TensorProto(name=name, data_type=floats, dims=[1])
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location.format(name))
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
    model = helper.make_model(graph)
    several = onnx.AttributeProto(name="several", type=onnx.AttributeProto.TENSORS)
    several.tensors.extend([external("list"), external("list", "./{}.bin")])
    body = onnx.NodeProto(op_type="Ours", output=["y"], attribute=[several])
    model.functions.add(name="Function", output=["y"], node=[body])
    training = model.training_info.add()
    training.algorithm.initializer.append(external("training"))
    (tmp_path / "all.onnx").write_bytes(model.SerializeToString())

    found = external_files(tmp_path / "all.onnx")
    names = ["branch", "constant", "list", "sparse", "training"]
    assert found == [tmp_path / f"{name}.bin" for name in names]


def test_missing_weights_are_named(external_model, tmp_path):
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(EngineBuildError, match=r"weights\.bin: .*external\.onnx is missing"):
        external_files(external_model)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "a/../../weights.bin"])
def test_weights_outside_the_directory_are_refused(external_model, location):
    with pytest.raises(EngineBuildError, match="outside the model's directory"):
        external_files(with_location(external_model, location=location))


def test_a_link_out_of_the_directory_is_refused(external_model, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "weights.bin"
    link = tmp_path / "weights.bin"
    link.rename(outside)
    link.symlink_to(outside)
    message = rf"weights\.bin: a link leads .* out of .*, to {outside}, .* put a copy in place"
    with pytest.raises(EngineBuildError, match=message):
        external_files(external_model)
    outside.unlink()
    with pytest.raises(EngineBuildError, match=rf"\(a link to {outside}\): .* is missing; .*annex"):
        external_files(external_model)


def test_a_model_linked_into_a_store_with_its_weights_works(external_model, tmp_path):
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for name in ("external.onnx", "weights.bin"):
        (snapshot / name).symlink_to(tmp_path / name)
    linked = snapshot / "external.onnx"
    assert external_files(linked) == [snapshot / "weights.bin"]
    # TensorRT and ONNX Runtime look beside the link.
    (snapshot / "weights.bin").unlink()
    message = rf"is missing; it lies beside {external_model}, which the model links to"
    with pytest.raises(EngineBuildError, match=message):
        external_files(linked)
    # Of two files it is theirs that counts.
    (snapshot / "weights.bin").write_bytes(bytes(63))
    with pytest.raises(EngineBuildError, match=r"snapshot/weights\.bin: .* has 63"):
        external_files(linked)


def test_models_and_weights_linked_into_a_store_of_each_are_refused(external_model, tmp_path):
    snapshot = tmp_path / "snapshot"
    for name in ("external.onnx", "weights.bin"):
        store = tmp_path / "objects" / name
        store.mkdir(parents=True)
        (tmp_path / name).rename(store / "blob")
        snapshot.mkdir(exist_ok=True)
        (snapshot / name).symlink_to(store / "blob")
    message = r"a link leads .* to .*/objects/weights\.bin/blob, which is refused"
    with pytest.raises(EngineBuildError, match=message):
        external_files(snapshot / "external.onnx")


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ({"offset": "0"}, "names no file"),
        ({"location": "w\0.bin"}, "names no file"),
        ({"location": "weights.bin", "offset": "-4"}, "broken offset or length"),
        ({"location": "weights.bin", "length": "many"}, "broken offset or length"),
        ({"location": "weights.bin", "length": "63"}, "'w' needs 64 bytes, .* a length of 63"),
        ({"location": "weights.bin", "offset": "1"}, "needs 64 bytes at offset 1, .* has 64"),
        ({"location": "w" * 300}, "cannot be read: File name too long"),
        ({"location": "."}, "has to be a regular file"),
    ],
)
def test_broken_entries_are_refused(external_model, entries, complaint):
    with pytest.raises(EngineBuildError, match=complaint):
        external_files(with_location(external_model, **entries))


def test_a_linked_folder_that_leads_out_is_refused(external_model, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (tmp_path / "weights.bin").rename(outside / "weights.bin")
    (tmp_path / "data").symlink_to(outside)
    with pytest.raises(EngineBuildError, match=r"data/weights\.bin: a link leads .* out of"):
        external_files(with_location(external_model, location="data/weights.bin"))


def test_a_link_to_itself_is_named(external_model, tmp_path):
    (tmp_path / "weights.bin").unlink()
    (tmp_path / "weights.bin").symlink_to("weights.bin")
    with pytest.raises(EngineBuildError, match=r"weights\.bin: .*cannot be read: Too many .*links"):
        external_files(external_model)
