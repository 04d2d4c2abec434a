"""The page about tables shows a table that pytest takes, and the tests that it is."""

from __future__ import annotations

from tests.docs.pages import DOCS, blocks_of
from tests.docs.walk import Walk


def test_the_table_is_the_tests_that_the_page_shows(walk: Walk) -> None:
    for name in ("models/resnet50", "zoo/mobilenet", "zoo/draft-small"):
        model = walk.folder / f"{name}.onnx"
        model.parent.mkdir(exist_ok=True)
        model.touch()
    (walk.folder / "pytest.ini").write_text("[pytest]\nmarkers = nightly\n")
    assert walk.follow(blocks_of(DOCS / "tables.md")) == 1
    assert "draft" not in walk.output
