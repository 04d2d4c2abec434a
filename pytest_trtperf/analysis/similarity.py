"""Whether two outputs point the same way, and whether they have the same best classes."""

from __future__ import annotations

import numpy as np

# What is lost in computing a similarity, far above it: 1 can be asked for.
_SLACK = 1e-12


def describe_dissimilarity(ours: np.ndarray, theirs: np.ndarray, cosine: float) -> str | None:
    """Which rows are less similar than asked for; None where none is.

    Args:
        cosine: the least cosine of the angle between two rows.
    """
    similarities = cosine_similarities(ours, theirs)
    far = ~(similarities >= cosine - _SLACK)
    if not far.any():
        return None
    row = int(np.argmin(np.where(np.isnan(similarities), -2, similarities)))
    lowest = similarities[row]
    shown = "not defined" if np.isnan(lowest) else f"{lowest:.9g}"
    why = ": one of the two has NaN or infinity" if np.isnan(lowest) else ""
    return (
        f"the cosine similarity of {np.count_nonzero(far)} of {far.size} rows is below {cosine:g}\n"
        f"    lowest cosine similarity {shown} at [{row}]{why}"
    )


def cosine_similarities(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The cosine of each row of the first axis, or of all where rows are single values.

    Two rows of zeros are the same, 1, and a row of zeros is like no other, 0. What is NaN or the
    same infinity in both is left out; NaN where it is in one alone.
    """
    rows = ours.shape[0] if ours.ndim > 1 and ours.shape[0] < ours.size else 1
    left, right = (one.astype(np.float64).reshape(rows, -1) for one in (ours, theirs))
    with np.errstate(invalid="ignore"):
        same = (left == right) | (np.isnan(left) & np.isnan(right))
    odd = ~(np.isfinite(left) & np.isfinite(right))
    left, right = (_unit(np.where(odd, 0.0, one)) for one in (left, right))
    found: np.ndarray = np.clip(np.sum(left * right, axis=1), -1, 1)
    found[same.all(axis=1) | ~(left.any(axis=1) | right.any(axis=1))] = 1.0
    found[(odd & ~same).any(axis=1)] = np.nan
    return found


def _unit(rows: np.ndarray) -> np.ndarray:
    # Scaled first, so that squares neither overflow nor vanish.
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    scaled = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit: np.ndarray = np.divide(scaled, length, out=scaled, where=length > 0)
    return unit


def describe_other_classes(
    ours: np.ndarray, theirs: np.ndarray, k: int, rtol: float, atol: float | None = None
) -> str | None:
    """Which rows have other classes among the `k` largest values of the last axis; None if none.

    A class that `theirs` has within a tolerance of its k-th is among them, too; if that is so for
    all, the text says that nothing was compared.

    Args:
        k: fewer than there are classes.
        atol: that tolerance; None is `rtol` times the standard deviation of a row.
    """
    classes = theirs.shape[-1]
    left, right = (one.astype(np.float64).reshape(-1, classes) for one in (ours, theirs))
    odd = (np.isnan(left) != np.isnan(right)).any(axis=1)
    left, right = (np.where(np.isnan(one), -np.inf, one) for one in (left, right))
    border, least = (np.partition(one, -k, axis=1)[:, [-k]] for one in (left, right))
    near = _spread(right) * rtol if atol is None else np.full_like(least, atol)
    good = right >= np.where(np.isfinite(least), least - near, least)
    if good.all():
        return f"all values of the reference are among the {k} largest: nothing is compared"
    # Not the best k alone: equal values are no answer, unless the reference has them, too.
    wrong = (left >= border) & ~good
    far = odd | wrong.any(axis=1)
    if not far.any():
        return None
    row = int(np.argmax(far))
    index = np.unravel_index(row, theirs.shape[:-1])
    place = f" at [{', '.join(str(int(axis)) for axis in index)}]" if index else ""
    if odd[row]:
        what = "one of the two has NaN"
    else:
        at = max(np.flatnonzero(wrong[row]), key=lambda one: left[row, one])
        what = (
            f"class {at} is {right[row, at]:.6g} in the reference, whose {k} largest begin at "
            f"{least[row, 0]:.6g}"
        )
    return (
        f"{np.count_nonzero(far)} of {far.size} rows have other classes among the {k} largest, "
        f"where values within {near[row, 0]:.3g} are equal\n    the first{place}: {what}"
    )


def _spread(rows: np.ndarray) -> np.ndarray:
    """The standard deviation of the finite values of each row."""
    finite = np.isfinite(rows)
    values = np.where(finite, rows, 0.0)
    count = np.maximum(finite.sum(axis=1, keepdims=True), 1)
    scale = np.abs(values).max(axis=1, keepdims=True, initial=0)
    scale[scale == 0] = 1.0
    scaled = values / scale
    mean = scaled.sum(axis=1, keepdims=True) / count
    square = np.where(finite, (scaled - mean) ** 2, 0.0).sum(axis=1, keepdims=True) / count
    spread: np.ndarray = scale * np.sqrt(square)
    return spread
