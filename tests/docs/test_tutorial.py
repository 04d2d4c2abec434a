"""The tutorial works as it is written: its files and commands, in order, with ONNX Runtime."""

from __future__ import annotations

import pytest

from tests.docs.pages import DOCS, blocks_of
from tests.docs.walk import Walk, missing_line

PAGE = DOCS / "tutorial.md"


def test_the_tutorial(walk: Walk) -> None:
    walk.variables = {**walk.variables, "TRTPERF_ROUND_MS": "60", "TRTPERF_MAX_WARM_UP": "1"}
    assert walk.follow(blocks_of(PAGE)) >= 10
    assert [path.name for path in walk.folder.glob("perf-baselines/cpu-*/onnxruntime/*")] == [
        "test_performance.json"
    ]


def test_every_block_is_a_file_commands_or_output() -> None:
    for block in blocks_of(PAGE):
        assert block.file or block.language in ("sh", "text"), block


@pytest.mark.parametrize(
    ("shown", "is_there"),
    [
        ("a 1.5 b", True),
        ("a … c", True),
        ("a b", False),
        ("a 1 b\nd +3%", True),
        ("x\nd -3%", True),
        ("d\na", False),
    ],
)
def test_output_is_looked_for_in_order(shown: str, is_there: bool) -> None:
    printed = "x\na  27,0   b and c\nd -0.1%† e"
    assert (missing_line(shown, printed) is None) is is_there
