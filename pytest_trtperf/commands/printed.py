"""Sizes and moments, as the subcommands print them."""

from __future__ import annotations

from collections.abc import Iterable


def total_size(sizes: Iterable[int]) -> str:
    """The sum of bytes, in a unit that suits it."""
    size = float(sum(sizes))
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"
