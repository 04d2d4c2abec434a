"""What the key of an entry says: `<module>::<test>`, or `<module>::<test>#<name>`."""

from __future__ import annotations


def possible_tests(key: str) -> set[str]:
    """The tests that a key may belong to: the id of a parameter may contain a #, too."""
    parts = key.split("#")
    return {"#".join(parts[:count]) for count in range(1, len(parts) + 1)}
