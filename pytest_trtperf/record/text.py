"""Names of tests: as they are shown, and which of them a pattern means."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from pytest_trtperf.text import without_middle

LONGEST_KEY = 120
"""Characters of a test's name in a table; the record has it whole."""


def shortened(text: str, longest: int = LONGEST_KEY) -> str:
    """A text without its middle where it is too long for a table."""
    return without_middle(text, longest)


def matches(pattern: str, text: str) -> bool:
    """Whether a text is meant: only `*` and `?` are special, since names of tests have brackets."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def encodable(data: Any) -> Any:
    """Plain data with escapes for lone surrogates, which no file in UTF-8 can hold."""
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode()
    if isinstance(data, dict):
        return {encodable(key): encodable(value) for key, value in data.items()}
    return list(map(encodable, data)) if isinstance(data, list) else data
