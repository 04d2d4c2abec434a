"""Looks up what people decided, and notes which of it was needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.contract.uses import MODULE, Review

_ALWAYS_THE_MODULE = ("trt", "self._trt")


class Decisions:
    """A review, and the entries of it that some code was found for."""

    def __init__(self, review: Review) -> None:
        self._review = review
        self.consulted: set[tuple[str, ...]] = set()

    def name(self, file: str, scopes: Iterable[str], name: str) -> str | None:
        """The class of a name or `self.name` in functions and classes, the innermost last."""
        if name in _ALWAYS_THE_MODULE:
            return MODULE
        names = self._review.names.get(file, {})
        for key in (*(f"{scope}:{name}" for scope in reversed([*scopes])), name):
            if key in names:
                self.consulted.add(("names", file, key))
                return names[key]
        return None

    def returned(self, path: str) -> str | None:
        """The class of what a member returns or holds."""
        return self._review.returns[path] if self._needs("returns", path) else None

    def function(self, name: str) -> str | None:
        """The class of what a function of the package returns."""
        return self._review.functions[name] if self._needs("functions", name) else None

    def forwards(self, name: str) -> bool:
        """Whether a function of the package returns its first argument."""
        return self._needs("forwards", name)

    def is_accessor(self, name: str) -> bool:
        """Whether a function of the package takes (object, name), like `getattr`."""
        return self._needs("accessors", name)

    def computed(self, place: str) -> Sequence[str]:
        """The names that a function computes for `getattr` and the like."""
        return self._review.computed[place] if self._needs("computed", place) else ()

    def guards(self, place: str) -> tuple[str, ...]:
        """A feature without which nothing of a file or function is reached."""
        return (self._review.guards[place],) if self._needs("guards", place) else ()

    def _needs(self, table: str, key: str) -> bool:
        is_there = key in getattr(self._review, table)
        if is_there:
            self.consulted.add((table, key))
        return is_there
