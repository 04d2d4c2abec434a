"""A loader that needs no package, and so no device."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf.backend.process.loader import Loader

MODULE = """
def prepare(backend):
    pass

def leave_device(backend):
    pass

def load(backend, **values):
    raise RuntimeError("nothing to load")
"""


@pytest.fixture(scope="session")
def plain_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the module `plain_loader`."""
    folder = tmp_path_factory.mktemp("loader")
    (folder / "plain_loader.py").write_text(MODULE)
    return folder


@pytest.fixture
def loader(plain_module: Path, monkeypatch: pytest.MonkeyPatch) -> Loader:
    """Processes find its module where this process finds it."""
    monkeypatch.syspath_prepend(plain_module)
    return Loader("plain_loader", "plain")
