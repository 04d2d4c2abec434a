"""Stand-ins for pytest's and pytest-xdist's objects."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def fake(**members: Any) -> Any:
    """An object with these members alone, in the place of any other."""
    return SimpleNamespace(**{"nodeid": "test_x.py::test_a", "when": "call", **members})
