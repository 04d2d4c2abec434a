"""A table of SLOs, and the tests that it is."""

from __future__ import annotations

import pytest

from pytest_trtperf.slo.items import items_of


@pytest.fixture
def table(tmp_path):
    """Writes a table, and returns its tests by name."""

    def write(text):
        path = tmp_path / "models.slo.toml"
        path.write_text(text, encoding="utf-8")
        return {test.name: test for test in items_of(path)}

    return write
