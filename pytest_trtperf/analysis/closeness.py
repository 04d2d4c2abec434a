"""Whether two arrays hold close values, and how far the others are off."""

from __future__ import annotations

import math

import numpy as np

# About twenty roundings of the type, and of TF32 for float32, which TensorRT multiplies in by
# default: what errors add up to over a hundred layers. Four of float8's, which has three bits.
RTOL = {
    "float64": 1e-6, "float32": 1e-2, "float16": 1e-2, "bfloat16": 8e-2,
    "float8_e4m3fn": 0.25,
}  # fmt: skip
"""By type, of the values that an engine computes; other types have to be equal."""


def describe_difference(
    ours: np.ndarray, theirs: np.ndarray, rtol: float, atol: float | None = None, floor: float = 0.0
) -> str | None:
    """What differs between two arrays of numbers of one shape; None where all is close.

    Args:
        atol: None is `rtol` times the root mean square of `theirs`, and at least `floor`.
    """
    # float64 cannot distinguish all large whole numbers.
    wide = np.longdouble if {ours.dtype.kind, theirs.dtype.kind} & {"i", "u"} else np.float64
    value, wanted = ours.astype(wide), theirs.astype(wide)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        error = np.asarray(np.abs(value - wanted))  # numpy makes a number of a scalar array
        error[np.isnan(error)] = np.inf
        error[(value == wanted) | (np.isnan(value) & np.isnan(wanted))] = 0
        if atol is None:
            atol = max(rtol * _root_mean_square(wanted), floor)
        # An infinity is close to itself alone, whatever the tolerance.
        far = (error > atol + rtol * np.abs(wanted)) | np.isinf(error)
        relative = np.where(error > 0, error / np.abs(wanted), 0.0)
        relative[np.isnan(relative)] = np.inf
    if not far.any():
        return None
    limit = f" by more than {atol:.3g} + {rtol:.3g} x |reference|" if rtol or atol else ""
    return (
        f"{np.count_nonzero(far)} of {far.size} values differ{limit}\n"
        f"    largest absolute error {_where(error, far, ours, theirs)}\n"
        f"    largest relative error {_where(relative, far, ours, theirs)}"
    )


def _root_mean_square(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max(initial=0))
    # Scaled, so that squares of large numbers do not overflow.
    return largest * math.sqrt(float(np.mean((finite / largest) ** 2))) if largest else 0.0


def _where(error: np.ndarray, far: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> str:
    """The largest error among the values that are far off, and where it is."""
    flat = int(np.argmax(np.where(far, error, -1)))
    index = ", ".join(str(int(axis)) for axis in np.unravel_index(flat, error.shape))
    value, wanted = ours.flat[flat], theirs.flat[flat]
    return f"{error.flat[flat]:.4g} at [{index}]: {value!s}, reference {wanted!s}"
