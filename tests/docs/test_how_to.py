"""The how-tos work as they are written: their files and commands, in order, with ONNX Runtime."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Walk, blocks_of

PAGES = sorted((DOCS / "how-to").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_and_commands(page: Path, repository: Walk) -> None:
    blocks = list(blocks_of(page))
    if not any(block.language == "sh" and block.remark != "install" for block in blocks):
        pytest.skip("a page without commands that can be run here")
    if "pytest_asyncio" in page.read_text() and importlib.util.find_spec("pytest_asyncio") is None:
        pytest.skip("needs pytest-asyncio, as in tox's environment docs")
    repository.follow(iter(blocks))


def test_python_is_in_files_that_are_run() -> None:
    for page in PAGES:
        for block in blocks_of(page):
            assert block.language != "python" or block.file, block
