"""JSON made for review: sorted keys, rounded values, lists of numbers on one line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

DIGITS = 5
_FORMAT = f"%.{DIGITS}g"
_MODE_FIELD = "mode"


def json_for_review(value: Any) -> str:
    """JSON of builtin values; measured ones are rounded to `DIGITS` significant digits.

    NaN and infinity stay as they are, so that decoding names their place.
    """
    return _text(value, _rounded)


def _text(value: Any, render: Callable[[Any], str], line: str = "\n") -> str:
    """JSON of `value`: objects and lists spread out, except lists of plain values.

    Args:
        render: JSON of a plain value, or of a list of them.
        line: what begins a line at this depth.
    """
    inner = line + "  "
    if isinstance(value, dict) and value:
        # a mode is a setting, not a measurement
        items = [
            f"{_exact(key)}: {_text(value[key], _exact if key == _MODE_FIELD else render, inner)}"
            for key in sorted(value)
        ]
        return "{" + inner + f",{inner}".join(items) + line + "}"
    if isinstance(value, list) and value and isinstance(value[0], (dict, list)):
        items = [_text(one, render, inner) for one in value]
        return "[" + inner + f",{inner}".join(items) + line + "]"
    return render(value)


_exact = json.JSONEncoder().encode


def _rounded(value: Any) -> str:
    """Like `_exact`, but rounded."""
    if isinstance(value, float) and math.isfinite(value):
        return repr(float(_FORMAT % value))
    if isinstance(value, list) and {*map(type, value)} == {float} and math.isfinite(sum(value)):
        return f"[{', '.join([_FORMAT] * len(value)) % tuple(value)}]"
    return _exact(value)
