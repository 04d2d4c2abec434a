"""Each reader with some odd inputs; `python -m tests.fuzz.run` tries them with many."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.readers import Reader, folder, readers, try_one

pytest.importorskip("onnx")

NAMES = list(readers(Path()))


@pytest.fixture(scope="module")
def found():
    place = folder()
    yield readers(place)
    shutil.rmtree(place)


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_an_odd_input_is_read_or_refused(found, name, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's of names that come twice
        try_one(found[name], Random(seed))


def test_what_a_reader_does_not_document_is_found():
    def read(_):
        raise KeyError

    with pytest.raises(KeyError):
        try_one(Reader(lambda random: random.random(), read, (ValueError,), ()), Random(0))


def test_a_long_message_is_found():
    def read(_):
        raise ValueError("x" * 5001)

    with pytest.raises(AssertionError, match="a message of 5001 characters"):
        try_one(Reader(lambda random: random.random(), read, (ValueError,), ()), Random(0))


def test_an_archive_that_fills_the_memory_is_refused(tmp_path):
    import gzip

    from pytest_trtperf.backend.given_inputs import read_inputs
    from pytest_trtperf.errors import BaselineError, MeasurementError
    from pytest_trtperf.record.history import read_history
    from tests.fuzz.mutate import bomb_npz

    (tmp_path / "x.npz").write_bytes(bomb_npz())
    with pytest.raises(MeasurementError, match="expands more than 100-fold"):
        read_inputs(tmp_path / "x.npz")
    (tmp_path / "nights").mkdir()
    (tmp_path / "nights" / "a.json.gz").write_bytes(gzip.compress(bytes(80 << 20), 1))
    with pytest.raises(BaselineError, match="expands more than 100-fold"):
        read_history(tmp_path / "nights")


def test_a_long_command_is_refused():
    from pytest_trtperf.errors import BaselineError
    from pytest_trtperf.trtexec.command import read_command
    from pytest_trtperf.trtexec.measured_mode import mode_of_trtexec

    text = "--onnx=" + "x" * 200_000
    with pytest.raises(ValueError, match="at most 65536 characters"):
        read_command(text)
    with pytest.raises(BaselineError, match="at most 65536 characters"):
        mode_of_trtexec(text)


def test_a_key_of_a_thousand_parts_and_a_pattern_of_stars_cost_nothing(tmp_path):
    from pytest_trtperf.errors import BaselineError
    from pytest_trtperf.record.acknowledged import read_acknowledged
    from pytest_trtperf.record.text import matches

    path = tmp_path / "perf-acknowledged.toml"
    path.write_text("x." * 15_000 + "y = 1")
    with pytest.raises(BaselineError, match="a key has more than 200 parts"):
        read_acknowledged(path)
    for text in ("a = " + "[" * 3000, "a = " + "1" * 5000):
        path.write_text(text)
        with pytest.raises(BaselineError, match=r"perf-acknowledged\.toml: "):
            read_acknowledged(path)
    assert not matches("*a" * 60 + "b", "a" * 300)
    assert matches("t.py::test_?[8]*", "t.py::test_a[8]#wide")
