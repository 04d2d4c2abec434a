"""Changes as signed percentages or factors, as every message and table shows them."""

from __future__ import annotations

_MANY_TIMES = 10.0
"""A larger share reads better as a factor."""
_TWICE = 1.0
"""So does a larger slowdown that is to be found."""
_LARGE = 1e6
_TWO_DIGITS = 0.1
"""From this share on two digits are whole percentages."""

_LOST = 0.9995
"""A share that is lost with no more digits to show what is left."""


def signed_percent(share: float, digits: int = 1) -> str:
    """A change with its sign, `+4.2%`, and from +1000 % on as a factor, `43x`.

    What rounds to zero is `+0.0%` from either side, and what leaves next to nothing `<-99.9%`.

    Args:
        share: the change, 0.042 being 4.2 %.
        digits: decimals of the percentage.
    """
    if share >= _MANY_TIMES:
        return f"{1 + share:.0f}x" if share < _LARGE else f"{1 + share:.3g}x"
    if -1 < share < -_LOST:
        return "<-99.9%"
    text = f"{share:+.{digits}%}"
    rounds_to_zero = text.startswith("-") and not text.strip("-0.%")
    return text.replace("-", "+") if rounds_to_zero else text


def share_words(share: float) -> str:
    """How much of a whole: `0.45%`, `7.8%`, `110%`, and as `signed_percent` from 1000 % on.

    Args:
        share: at least 0, 0.042 being 4.2 %.
    """
    if share >= _MANY_TIMES:
        return signed_percent(share)
    return f"{100 * share:.0f}%" if share >= _TWO_DIGITS else f"{100 * share:.2g}%"


def slowdown_words(share: float) -> str:
    """How much longer something takes: `4.2%`, and above 100 % as a factor, `4.0x`.

    Args:
        share: at least 0, 0.042 being 4.2 %.
    """
    return _factor(share) if share > _TWICE else f"{share:.1%}"


def percent_interval(lower: float | None, upper: float | None, digits: int = 1) -> str:
    """An interval of changes, `[+3.9%, +4.5%]`; an unknown bound is left empty.

    Both bounds are factors, `[1.7x, 243x]`, where the upper one is.
    """
    is_many = upper is not None and upper >= _MANY_TIMES
    bounds = (
        "" if bound is None else _factor(bound) if is_many else signed_percent(bound, digits)
        for bound in (lower, upper)
    )
    return f"[{', '.join(bounds)}]"


def _factor(share: float) -> str:
    """`243x`; below ten with two digits."""
    if share >= _MANY_TIMES:
        return signed_percent(share)
    factor = 1 + share
    return f"{factor:#.2g}x" if factor < 9.95 else f"{factor:.0f}x"
