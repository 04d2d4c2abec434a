"""Which modules are not collected whole, whatever left out some of their tests."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import pytest

from pytest_trtperf.run.run import Run


class Selection:
    """Hooks of the process that collects: each worker of pytest-xdist, or the only process."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_deselected"""
        self._note(items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Notes what others take out without a word, as pytest-shard does."""
        before = list(items)
        result = yield
        kept = set(items)
        self._note(item for item in before if item not in kept)
        return result

    def _note(self, items: Iterable[pytest.Item]) -> None:
        # pytest-testmon reports tests that it has not collected.
        paths = (getattr(item, "path", None) for item in items)
        self._run.deselected.update(str(self._run.at_home(path)) for path in paths if path)
