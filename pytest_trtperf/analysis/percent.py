"""Changes as signed percentages, as every message and table shows them."""

from __future__ import annotations

_MANY_TIMES = 10.0
"""A larger share reads better as a factor."""
_LARGE = 1e6


def signed_percent(share: float, digits: int = 1) -> str:
    """A change with its sign, `+4.2%`; what rounds to zero is `+0.0%` from either side.

    Args:
        share: the change, 0.042 being 4.2 %.
        digits: decimals of the percentage.
    """
    text = f"{share:+.{digits}%}"
    rounds_to_zero = text.startswith("-") and not text.strip("-0.%")
    return text.replace("-", "+") if rounds_to_zero else text


def percent_interval(lower: float | None, upper: float | None, digits: int = 1) -> str:
    """An interval of changes, `[+3.9%, +4.5%]`; an unknown bound is left empty."""
    bounds = ("" if bound is None else signed_percent(bound, digits) for bound in (lower, upper))
    return f"[{', '.join(bounds)}]"


def percent_or_times(share: float) -> str:
    """A change with its sign, `+4.2%`, and from +1000 % on as a factor, `43 times as much`."""
    times = f"{1 + share:.0f}" if share < _LARGE else f"{1 + share:.3g}"
    return f"{times} times as much" if share >= _MANY_TIMES else signed_percent(share)
