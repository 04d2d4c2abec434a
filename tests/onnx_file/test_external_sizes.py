"""How long a file of weights has to be, by the size of its tensors."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.onnx_file.external_data import external_files
from tests.onnx_file.message_bytes import field, model_around, varint


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
    entry = b"".join(
        field(13, field(1, key.encode()) + field(2, value.encode()))
        for key, value in entries.items()
    )
    path.write_bytes(
        model_around(
            field(5, dims + b"\x10" + bytes([kind]) + field(8, b"w") + entry + b"\x70\x01")
        )
    )
    return path


def test_short_weights_say_how_much_is_missing(external_model, tmp_path):
    (tmp_path / "weights.bin").write_bytes(bytes(63))
    message = r"weights\.bin: tensor 'w' of external\.onnx needs 64 bytes at offset 0, .* has 63;"
    with pytest.raises(EngineBuildError, match=message):
        external_files(external_model)


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
    length = {} if data.draw(st.booleans()) else {"length": str(size)}
    model = one_tensor(
        directory / "m.onnx", kinds()[kind], written, location="d", offset=str(offset), **length
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
