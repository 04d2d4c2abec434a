"""What users give for inputs: names and files, and the arrays in them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pytest_trtperf.backend.dtypes import ITEM_SIZES
from pytest_trtperf.backend.given_inputs import fit_input, given_shape, read_inputs
from pytest_trtperf.engine.shapes import TensorInfo
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.options.values import parse_input_set


def finite_arrays(dtype, shape):
    """Arrays as a session holds them, without NaN and infinity."""
    if dtype == "bfloat16":  # bits below 0x7f80 are finite
        return npst.arrays(np.uint16, shape, elements=st.integers(0, 0x7F7F))
    if dtype == "float8_e4m3fn":
        return npst.arrays(np.uint8, shape, elements=st.integers(0, 0x7E))
    if "float" in dtype:
        finite = npst.from_dtype(np.dtype(dtype), allow_nan=False, allow_infinity=False)
        return npst.arrays(dtype, shape, elements=finite)
    return npst.arrays(dtype, shape)


def write(values, folder, layout):
    """Writes the values of `in/x:0`; what a user gives for them."""
    if layout == "npz":
        np.savez(folder / "all.npz", **{"in/x:0": values})
        return "all.npz"
    if layout == "npy":
        np.save(folder / "x.npy", values)
        return "in/x:0:x.npy"
    (folder / "x.dat").write_bytes(values.tobytes())
    return "in/x:0:x.dat"


@given(
    data=st.data(),
    dtype=st.sampled_from(sorted(ITEM_SIZES)),
    shape=st.lists(st.integers(1, 7), max_size=4).map(tuple),
    layout=st.sampled_from(["npy", "npz", "raw"]),
)
def test_written_values_come_back(tmp_path_factory, data, dtype, shape, layout):
    values = data.draw(finite_arrays(dtype, shape))
    folder = tmp_path_factory.mktemp("inputs")
    read = read_inputs(parse_input_set(write(values, folder, layout)), folder.joinpath)
    assert list(read) == ["in/x:0"]
    assert given_shape(read["in/x:0"]) == (None if layout == "raw" else shape)
    fitted = fit_input(TensorInfo("in/x:0", shape, dtype), shape, read["in/x:0"])
    assert fitted.dtype == values.dtype
    assert fitted.shape == shape
    assert fitted.tobytes() == values.tobytes()


def test_files_are_looked_for_where_paths_are_found(tmp_path):
    base, other = tmp_path / "base", tmp_path / "other"
    for folder, content in ((base, b"base"), (other, b"other")):
        folder.mkdir()
        (folder / "x.dat").write_bytes(content)
    given = parse_input_set({"x": "x.dat", "y": other / "x.dat"})
    assert read_inputs(given, base.joinpath) == {"x": b"base", "y": b"other"}


def test_what_numpy_takes_is_an_array():
    read = read_inputs({"x": [[1, 2], [3, 4]]})
    assert given_shape(read["x"]) == (2, 2)
    with pytest.raises(MeasurementError, match="'x': numpy cannot make an array of this list"):
        read_inputs({"x": [[1], [2, 3]]})


@pytest.mark.parametrize("name", ["gone.npy", "gone.npz", "gone.dat"])
def test_missing_files_are_named(tmp_path, name):
    given = Path(name) if name.endswith("npz") else {"x": Path(name)}
    with pytest.raises(MeasurementError, match=f"base/{name}: cannot be read: No such file.*check"):
        read_inputs(given, (tmp_path / "base").joinpath)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(MeasurementError, match="cannot be read: Is a directory"):
        read_inputs({"x": tmp_path})


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_objects_are_refused_and_never_unpickled(tmp_path, name):
    exploded, path = tmp_path / "exploded", tmp_path / name
    values = np.array([Bomb(exploded)], object)
    if name == "x.npy":
        np.save(path, values, allow_pickle=True)
    else:
        np.savez(path, x=values)
    with pytest.raises(
        MeasurementError, match=rf"{name}: holds no arrays.*Object arrays.*np\.save"
    ):
        read_inputs(path if name == "x.npz" else {"x": path})
    assert not exploded.exists()


def test_archives_hold_arrays_only(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(MeasurementError, match=r"member 'notes\.txt' is no \.npy array"):
        read_inputs(path)
    np.savez(path)
    with pytest.raises(MeasurementError, match=r"x.npz: holds no arrays.*it is empty"):
        read_inputs(path)


def saved(name):
    file = io.BytesIO()
    if name == "x.npy":
        np.save(file, np.arange(6, dtype=np.float32))
    else:
        np.savez(file, x=np.arange(6, dtype=np.float32))
    return file.getvalue()


@given(data=st.data(), name=st.sampled_from(["x.npy", "x.npz"]))
def test_truncated_files_are_named(tmp_path_factory, data, name):
    path, content = tmp_path_factory.getbasetemp() / name, saved(name)
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(MeasurementError, match=rf"{name}: holds no arrays that can be read"):
        read_inputs(path if name == "x.npz" else {"x": path})


@pytest.mark.parametrize(
    "change",
    [(b"'shape': (6,)", b"'shape': ((6)"), (b"'<f4'", b"',f4'"), (b"(6,), ", b"(999,)")],
)
def test_damaged_headers_are_named(tmp_path, change):
    damaged = saved("x.npy").replace(*change)
    assert damaged != saved("x.npy")
    (tmp_path / "x.npy").write_bytes(damaged)
    with pytest.raises(MeasurementError, match=r"x\.npy: holds no arrays that can be read"):
        read_inputs({"x": tmp_path / "x.npy"})
