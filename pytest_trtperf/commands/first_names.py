"""Names that `trtperf init` writes, each once."""

from __future__ import annotations

import itertools
from collections.abc import Container


def not_taken(name: str, taken: Container[str], mark: str) -> str:
    """The name; where it is taken, with the mark and a number."""
    numbered = (f"{name}{mark}{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)
