"""Names of tests as they are shown."""

from __future__ import annotations

LONGEST_KEY = 120
"""Characters of a test's name in a table; the record has it whole."""


def shortened(text: str, longest: int = LONGEST_KEY) -> str:
    """A text without its middle where it is too long for a table."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
