"""The how-tos work as they are written: their files and commands, in order, with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks_of
from tests.docs.walk import Walk

PAGES = sorted((DOCS / "how-to").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_and_commands(page: Path, repository: Walk) -> None:
    for package in ("pytest_asyncio", "yaml"):
        pytest.importorskip(package, reason="what tox's environment docs has")
    assert repository.follow(blocks_of(page))


def test_python_is_in_files_that_are_run() -> None:
    for page in PAGES:
        for block in blocks_of(page):
            assert block.language != "python" or block.file, block
