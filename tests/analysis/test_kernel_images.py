"""What a runtime cache holds, whatever its order and whatever lies between."""

from __future__ import annotations

import base64
import json
import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_trtperf.analysis.kernel_images import kernel_images, kernels_digest

MAGIC = b"\x7fELF"


def image(code: bytes, sections: int = 1, programs: int = 0, programs_first: bool = False) -> bytes:
    """An ELF image of 64 bits with this code between its header and its tables."""
    tables = {"sections": bytes(64 * sections), "programs": bytes(56 * programs)}
    order = ["programs", "sections"] if programs_first else ["sections", "programs"]
    begins, end = {}, 64 + len(code)
    for name in order:
        begins[name] = end
        end += len(tables[name])
    header = MAGIC + struct.pack(
        "<BB10xHHIQQQIHHHHHH",
        2, 1, 2, 190, 1, 0, begins["programs"] if programs else 0, begins["sections"], 0,
        64, 56, programs, 64, sections, 0,
    )  # fmt: skip
    return header + code + b"".join(tables[name] for name in order)


IMAGES = st.builds(
    image, st.binary(max_size=40), st.integers(1, 3), st.integers(0, 2), st.booleans()
)
FRAMING = st.binary(max_size=80).filter(lambda data: MAGIC not in data)


@st.composite
def framed(draw, images):
    """These images in some order, with other bytes before, between and behind them."""
    parts = [draw(FRAMING)]
    for one in draw(st.permutations(images)):
        parts += [one, draw(FRAMING)]
    return b"".join(parts)


@given(st.lists(IMAGES, max_size=5), st.data())
def test_order_and_framing_change_nothing(images, data):
    first, second = (kernel_images(data.draw(framed(images))) for _ in range(2))
    assert first == second
    assert len(first) == len(images)
    assert kernels_digest(first) == kernels_digest(second)


@given(st.lists(IMAGES, min_size=1, max_size=4), st.data())
def test_another_byte_of_an_image_is_another_digest(images, data):
    number = data.draw(st.integers(0, len(images) - 1))
    changed = bytearray(images[number])
    place = data.draw(st.integers(64, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    assume(MAGIC not in changed[4:])
    others = [*images[:number], bytes(changed), *images[number + 1 :]]
    before, after = (kernel_images(b"".join(some)) for some in (images, others))
    assert len(before) == len(after) == len(images)
    assert kernels_digest(before) != kernels_digest(after)


@given(st.lists(IMAGES, min_size=1, max_size=4), IMAGES)
def test_one_more_image_is_another_digest(images, another):
    before, after = (kernel_images(b"".join(some)) for some in (images, [*images, another]))
    assert len(after) == len(before) + 1
    assert kernels_digest(before) != kernels_digest(after)


@given(st.lists(IMAGES, min_size=1, max_size=4))
def test_images_in_json_count_like_others(images):
    texts = [base64.b64encode(one).decode() for one in images]
    graph = json.dumps([{"kernelName": "matMul", "cubin": text} for text in texts])
    cache = b"ptrt^" + graph.encode() + images[0]
    assert kernel_images(cache) == kernel_images(b"".join([*images, images[0]]))


@given(IMAGES, st.integers(12, 60))
def test_a_damaged_text_is_no_image(image, length):
    text = base64.b64encode(image)[:length]
    assert kernel_images(b'{"cubin":"' + text + b'"}') == []


@given(FRAMING)
def test_without_an_image_there_is_no_digest(data):
    assert kernel_images(data) == []
    assert kernels_digest(kernel_images(data)) is None


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(image(b"code")[:-1], id="cut short"),
        pytest.param(MAGIC + b"\x02\x01", id="the header is cut short"),
        pytest.param(MAGIC + b"\x01" + image(b"code")[5:], id="32 bits"),
        pytest.param(MAGIC + b"\x02\x02" + image(b"code")[6:], id="big-endian"),
        pytest.param(image(b"code")[:52] + b"\0\0" + image(b"code")[54:], id="another header"),
        pytest.param(image(b"code", sections=0, programs=1), id="without sections"),
    ],
)
def test_what_is_no_whole_image_is_passed_over(broken):
    assert kernel_images(broken) == []
    whole = image(b"whole")
    assert kernel_images(broken[:5] + whole) == kernel_images(whole)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_behind_a_magic_are_taken(before, after):
    found = kernel_images(before + MAGIC + after)
    assert all(len(digest) == 64 for digest in found)


def test_an_image_inside_another_is_part_of_it():
    assert len(kernel_images(image(image(b"inner")))) == 1
