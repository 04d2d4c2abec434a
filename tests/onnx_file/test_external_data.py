from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def test_short_weights_say_how_much_is_missing(external_model, tmp_path):
    (tmp_path / "weights.bin").write_bytes(bytes(63))
    message = r"weights\.bin: tensor 'w' of external\.onnx needs 64 bytes at offset 0, .* has 63;"
    with pytest.raises(EngineBuildError, match=message):
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


@pytest.mark.parametrize(
    ("make", "complaint"),
    [(Path.mkdir, "this is a directory"), (Path.touch, "the file is empty")],
)
def test_what_is_no_file_is_named(tmp_path, make, complaint):
    make(tmp_path / "model.onnx")
    with pytest.raises(EngineBuildError, match=rf"model\.onnx: {complaint}"):
        external_files(tmp_path / "model.onnx")


def kinds() -> dict[str, int]:
    """The types whose size is known, all that onnx has but text."""
    onnx = pytest.importorskip("onnx")
    return {k: v for k, v in onnx.TensorProto.DataType.items() if k not in ("UNDEFINED", "STRING")}


def bits_of(kind: str) -> int:
    """The first number in its name, of C where it has none."""
    of_c = {"BOOL": 8, "FLOAT": 32, "DOUBLE": 64}
    digits = kind.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return of_c.get(kind) or int(digits.split("E")[0])


def one_tensor(path: Path, kind: int, dims: bytes, **entries: str) -> Path:
    """A model of one tensor with external data; its dimensions are as they lie in the file."""
    told = b"".join(
        field(13, field(1, key.encode()) + field(2, value.encode()))
        for key, value in entries.items()
    )
    path.write_bytes(
        model_around(field(5, dims + b"\x10" + bytes([kind]) + field(8, b"w") + told + b"\x70\x01"))
    )
    return path


def varint(number: int) -> bytes:
    return b"".join(
        bytes([number >> shift & 0x7F | (0x80 if number >> shift + 7 else 0)])
        for shift in range(0, max(number.bit_length(), 1), 7)
    )


@given(
    data=st.data(),
    dims=st.lists(st.integers(0, 5), max_size=3),
    offset=st.integers(0, 300),
    more=st.integers(0, 9),
    packed=st.booleans(),
)
def test_files_are_long_enough_exactly_from_the_size_of_the_tensor(
    tmp_path_factory, data, dims, offset, more, packed
):
    kind = data.draw(st.sampled_from(sorted(kinds())))
    size = math.ceil(math.prod(dims) * bits_of(kind) / 8)
    numbers = [varint(dim) for dim in dims]
    written = field(1, b"".join(numbers)) if packed else b"".join(b"\x08" + n for n in numbers)
    directory = tmp_path_factory.mktemp("one")
    told = {} if data.draw(st.booleans()) else {"length": str(size)}
    model = one_tensor(
        directory / "m.onnx", kinds()[kind], written, location="d", offset=str(offset), **told
    )
    (directory / "d").write_bytes(bytes(offset + size + more))
    assert external_files(model) == [directory / "d"]
    if offset + size:
        (directory / "d").write_bytes(bytes(data.draw(st.integers(0, offset + size - 1))))
        with pytest.raises(EngineBuildError, match=rf"tensor 'w' of m.onnx needs {size} bytes at"):
            external_files(model)


@settings(max_examples=25)
@given(
    tensors=st.lists(
        st.tuples(
            st.sampled_from(["float32", "float16", "int8", "bool", "complex128", "uint16"]),
            st.lists(st.integers(0, 40), max_size=3),
        ),
        min_size=1,
        max_size=5,
    ),
    in_one_file=st.booleans(),
    data=st.data(),
)
def test_what_onnx_saves_is_never_refused_unless_cut(tmp_path_factory, tensors, in_one_file, data):
    onnx = pytest.importorskip("onnx")
    numpy = pytest.importorskip("numpy")
    weights = [
        onnx.numpy_helper.from_array(numpy.zeros(shape, kind), f"w{index}")
        for index, (kind, shape) in enumerate(tensors)
    ]
    path = tmp_path_factory.mktemp("saved") / "m.onnx"
    onnx.save(
        onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], weights)),
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=in_one_file,
        size_threshold=0,
    )
    files = external_files(path)
    assert {path, *files} == set(path.parent.iterdir())
    cut = data.draw(st.sampled_from(files))
    if size := cut.stat().st_size:
        cut.write_bytes(bytes(data.draw(st.integers(0, size - 1))))
        with pytest.raises(EngineBuildError, match=rf"{cut.name}: tensor 'w\d' of m.onnx needs"):
            external_files(path)


@pytest.mark.parametrize(
    ("kind", "dims", "complaint"),
    [
        (1, [2**64 - 1], "tensor 'w' has a negative dimension"),
        (1, [2**40] * 5000, "tensor 'w' of m.onnx needs .* has 4"),
        (1, [2**32, 2**32], "tensor 'w' of m.onnx needs .* has 4"),
        (1, [2**62, 2**62, 0], None),
        (8, [9], None),  # text
        (99, [9], None),
        (99, [2**64 - 1], None),
    ],
)
def test_hostile_dimensions_and_unknown_types(tmp_path, kind, dims, complaint):
    (tmp_path / "d").write_bytes(bytes(4))
    dimensions = b"".join(b"\x08" + varint(dim) for dim in dims)
    model = one_tensor(tmp_path / "m.onnx", kind, dimensions, location="d")
    if complaint is None:
        assert external_files(model) == [tmp_path / "d"]
    else:
        with pytest.raises(EngineBuildError, match=complaint):
            external_files(model)
