"""Values of inputs that nobody gave: trtexec's own. Values change power and clocks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import cache, partial
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from pytest_trtperf.backend.dtypes import TEXT, check_input_dtype, stored_dtype
from pytest_trtperf.errors import MeasurementError

_Draw: TypeAlias = Callable[[NDArray[np.uint64]], np.ndarray]

_WHOLE_RANGES = {
    **dict.fromkeys(("int64", "int32", "int16", "int8"), (-128, 127)),
    **dict.fromkeys(("uint64", "uint32", "uint16", "uint8"), (0, 255)),
    "bool": (0, 1),
}
WHOLE = frozenset(_WHOLE_RANGES)
"""The types of generated whole numbers, bool among them."""

# What trtexec does (samples/common/sampleUtils.cpp, fillBuffer) with libstdc++, whose
# default_random_engine is minstd_rand0: x <- 16807 x mod (2^31 - 1).
_MULTIPLIER, _MODULUS = 16807, 2**31 - 1
_BLOCK = 1 << 15  # draws made at once; what is computed from them stays in the cache
_BELOW_ONE = np.float32(1 - 2**-24)


def random_input(
    name: str, shape: tuple[int, ...], dtype: str, seed: int, rows: int | None = None
) -> np.ndarray:
    """A C-contiguous array of `shape`; bfloat16 comes as its bits in uint16.

    Seed 0 gives the values of trtexec on Linux, bit for bit: floats in [-1, 1], signed integers
    in [-128, 127], unsigned ones in [0, 255], bool in {0, 1}. Each input starts the same sequence
    anew, so inputs of one type hold the same values. Any other seed starts at a state hashed from
    seed and name, so inputs differ. Types that trtexec lacks are those of its widened.

    Args:
        rows: of a table that the integers are indices into. If it is too small for some of those
            that trtexec would give, they are from 0 up to its last row.

    Raises:
        MeasurementError: no values can be made for `dtype`.
    """
    if dtype != TEXT:
        check_input_dtype(name, dtype)
    if dtype in ("float8_e4m3fn", TEXT):
        raise MeasurementError(
            f"input {name!r} has dtype {dtype}, for which no values can be generated: "
            f"give them, inputs={{{name!r}: …}}"
        )
    draw: _Draw = _floats
    if dtype in _WHOLE_RANGES:
        draw = partial(_whole_numbers, *whole_range(dtype, rows))
    elif dtype == "bfloat16":
        draw = _bfloat16_bits
    values = np.empty(math.prod(shape), stored_dtype(dtype))
    _fill(values, _first_state(name, seed), draw)
    return values.reshape(shape)


def whole_range(dtype: str, rows: int | None = None) -> tuple[int, int]:
    """The least and the largest of generated integers, see `random_input`."""
    low, high = _WHOLE_RANGES[dtype]
    fits = rows is None or rows <= 0 or (-rows <= low and high < rows)
    return (low, high) if fits else (0, min(cast("int", rows) - 1, high))


def _first_state(name: str, seed: int) -> int:
    if seed == 0:
        return 1  # of an engine constructed without a seed
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (_MODULUS - 1) + 1


@cache
def _powers() -> NDArray[np.uint64]:
    """``_MULTIPLIER ** (1 ... _BLOCK) % _MODULUS``: what takes a state to each of the next."""
    powers = np.array([_MULTIPLIER], np.uint64)
    while powers.size < _BLOCK:
        powers = np.concatenate([powers, powers * powers[-1] % _MODULUS])
    return powers


def _fill(values: np.ndarray, state: int, draw: _Draw) -> None:
    states = _powers() * state % _MODULUS
    done = 0
    while done < values.size:
        drawn = draw(states - 1)[: values.size - done]
        values[done : done + drawn.size] = drawn
        done += drawn.size
        states = states * _powers()[-1] % _MODULUS


def _floats(draws: NDArray[np.uint64]) -> NDArray[np.float32]:
    """`std::uniform_real_distribution<float>(-1, 1)`: one draw a value, rounded to float first."""
    values = draws.astype(np.float32)
    values *= 2**-31
    # The largest draws round up to 1, which the distribution must not reach.
    np.minimum(values, _BELOW_ONE, out=values)
    values *= 2
    values -= 1
    return values


def _bfloat16_bits(draws: NDArray[np.uint64]) -> NDArray[np.uint32]:
    bits = _floats(draws).view(np.uint32)
    bits += 0x7FFF + (bits >> 16 & 1)  # to nearest, ties to even
    bits >>= 16
    return bits


def _whole_numbers(low: int, high: int, draws: NDArray[np.uint64]) -> NDArray[np.int64]:
    """`std::uniform_int_distribution`: draws beyond the last whole multiple are skipped."""
    span = high - low + 1
    scale = (_MODULUS - 2) // span
    values = (draws[draws < span * scale] // scale).astype(np.int64)
    values += low
    return values
