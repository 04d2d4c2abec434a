"""TOML of others, of which Python's reader may take long."""

from __future__ import annotations

import re
import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_PARTS = 200
_NO_KEYS = re.compile(r""""[^"\n]*"|'[^'\n]*'|#[^\n]*""")
_BETWEEN_KEYS = re.compile(r"[^\w \t.-]+")


def read_toml(text: str) -> dict[str, Any]:
    """The tables of a document.

    Raises:
        ValueError: it is not TOML, is nested too deep, or has a key of too many parts.
    """
    # tomllib takes seconds and a hundred megabytes for a key of a thousand parts.
    keys = _BETWEEN_KEYS.split(_NO_KEYS.sub("x", text))
    if any(key.count(".") >= MOST_PARTS for key in keys):
        raise ValueError(f"a key has more than {MOST_PARTS} parts")
    try:
        found: dict[str, Any] = tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return found
