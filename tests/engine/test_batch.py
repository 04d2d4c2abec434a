"""`with_batch`: which dimensions are the batch."""

from __future__ import annotations

import pytest

from pytest_trtperf.engine.batch import with_batch
from pytest_trtperf.engine.shapes import Profile, TensorInfo
from pytest_trtperf.errors import ShapeError

IMAGE = TensorInfo("image", (None, 3, None), "float32")
ROWS = TensorInfo("rows", (None, 3), "float32")
FIXED = TensorInfo("fixed", (2, 3), "float32")
IDS = TensorInfo("ids", (None, None), "int64", ("batch", "src_len"))
STATE = TensorInfo("state", (2, None, 128), "float32", (None, "batch", None))
SEQUENCE_FIRST = TensorInfo("tokens", (None, None), "int64", ("seq", "N"))


def test_batch_takes_the_place_of_the_first_dimension():
    assert with_batch("m", [ROWS], None, 8) == {"rows": (8, 3)}
    assert with_batch("m", [IMAGE, FIXED], {"image": "1x3x7"}, 8) == {"image": (8, 3, 7)}
    with pytest.raises(ShapeError, match="more dynamic dimensions than the batch: pass shapes="):
        with_batch("m", [IMAGE], None, 8)
    with pytest.raises(ShapeError, match="no batch to sweep"):
        with_batch("m", [FIXED], None, 8)


def test_a_batch_with_a_name_is_wherever_the_name_is():
    shapes = with_batch("m", [IDS, STATE], None, 8, {"src_len": 16})
    assert shapes == {"ids": (8, 16), "state": (2, 8, 128)}
    assert with_batch("m", [SEQUENCE_FIRST], None, 4, {"seq": 9}) == {"tokens": (9, 4)}
    given = with_batch("m", [IDS, STATE], {"ids": (1, 5), "state": (2, 1, 128)}, 8)
    assert given == {"ids": (8, 5), "state": (2, 8, 128)}


def test_without_a_name_like_a_batch_it_is_the_name_of_the_first_dimensions():
    first = TensorInfo("x", (None, 4), "float32", ("rows", None))
    other = TensorInfo("h", (2, None), "float32", (None, "rows"))
    assert with_batch("m", [first, other], None, 8) == {"x": (8, 4), "h": (2, 8)}


def test_what_the_profile_fixes_need_not_be_given():
    profile = {"ids": Profile((1, 16), (8, 16), (32, 16))}
    assert with_batch("m", [IDS], None, 8, {}, profile) == {"ids": (8, 16)}
    # Not in the profile: the backend says so.
    fixed = {"ids": Profile((1, 16), (1, 16), (1, 16))}
    assert with_batch("m", [IDS], None, 8, {}, fixed) == {"ids": (8, 16)}


def test_what_is_open_or_sized_twice_is_refused():
    remedy = r'the other sizes of dims={"batch": 8, "src_len": 128}, or shapes={"ids": \(8, 128\)}'
    with pytest.raises(ShapeError, match=remedy):
        with_batch("m", [IDS], None, 8)
    assert with_batch("m", [IDS, STATE], None, 8, may_leave=True) == {"state": (2, 8, 128)}
    with pytest.raises(ShapeError, match="batch_sizes= and dims= both size 'batch'"):
        with_batch("m", [IDS], None, 8, {"batch": 4, "src_len": 3})
    with pytest.raises(ShapeError, match="did you mean 'src_len'"):
        with_batch("m", [IDS], None, 8, {"srclen": 4})
