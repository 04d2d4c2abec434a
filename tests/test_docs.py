"""The commands and options that the documentation names are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pytest_trtperf.cli import build_parser, joined
from pytest_trtperf.options import DECLARED
from pytest_trtperf.options.resolve import NO_OPTIONS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The lines of code blocks that call `trtperf`, as words."""
    found = []
    for block in FENCE.findall(text):
        lines = re.sub(r"\\\n\s*", "", block).splitlines()
        calls = [line.removeprefix("      - run: ").strip() for line in lines]
        found += [
            shlex.split(re.split(" >>? ", call)[0], comments=True)[1:]
            for call in calls
            if call.startswith("trtperf ")
        ]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_exist(page: Path) -> None:
    known = {option.flag for option in DECLARED}
    known |= {flag.replace("--", "--no-", 1) for flag in known}
    named = set(re.findall(r"--(?:no-)?trtperf[a-z-]*(?<!-)", page.read_text(encoding="utf-8")))
    assert named - known == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_variables_exist(page: Path) -> None:
    known = {option.variable for option in DECLARED} | set(NO_OPTIONS)
    assert set(re.findall(r"\bTRTPERF(?:_[A-Z]+)*\b", page.read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_parse(page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        here = [
            str(tmp_path) if word in ("/srv/performance", "nightly", "models/") else word
            for word in words
        ]
        try:
            arguments = build_parser().parse_args(joined(here))
        except SystemExit:
            pytest.fail(f"{page.name}: trtperf {' '.join(words)}: {capsys.readouterr().err}")
        assert callable(arguments.run)


def test_commands_are_found() -> None:
    assert len(commands((ROOT / "docs" / "ci.md").read_text(encoding="utf-8"))) >= 7
