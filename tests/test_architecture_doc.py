"""docs/architecture.md names what is there: every room, and no file or name that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pytest_trtperf"
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MAP = TEXT.partition("## The map")[2].partition("Three more rules")[0]

FILES = sorted(set(re.findall(r"`((?:\w+/)*\w+(?:\.py|/))`", TEXT)))
PLACED = sorted(
    {
        (file, name)
        for file, names in re.findall(
            r"`((?:\w+/)+\w+\.py)`:\s+((?:`[\w.]+`(?:,\s+|\s+or\s+|\s+and\s+)?)+)", TEXT
        )
        for name in re.findall(r"`([\w.]+)`", names)
    }
)
ALL_NAMES = {
    name
    for path in PACKAGE.rglob("*.py")
    for name in re.findall(r"(?m)^\s*(?:class|def) (\w+)|^([A-Z_]+)\b", path.read_text("utf-8"))
    for name in name
    if name
}


def path_of(name: str) -> Path:
    return ROOT / name if name.startswith("pytest_trtperf/") else PACKAGE / name


def test_every_room_is_in_the_map() -> None:
    folders = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert {room for room in folders | modules if f"`{room}`" not in MAP} == set()


@pytest.mark.parametrize("name", FILES)
def test_files_exist(name: str) -> None:
    assert path_of(name).exists()


@pytest.mark.parametrize(("file", "name"), PLACED)
def test_names_are_in_their_files(file: str, name: str) -> None:
    text = path_of(file).read_text(encoding="utf-8")
    for part in name.split("."):
        assert re.search(rf"(?m)^\s*(?:class|def) {part}\b", text), f"{file} has no {part}"


def test_journeys_place_their_steps() -> None:
    assert len(PLACED) >= 30


def test_names_without_a_file_exist() -> None:
    """Classes and functions of the journeys that stand alone, such as `Comparison.judge`."""
    journeys = TEXT.partition("## Four journeys")[2].partition("## Glossary")[0]
    names = re.findall(r"`((?:[A-Z]\w+|[a-z]\w*_\w+)(?:\.\w+)?)`", journeys)
    known = ALL_NAMES | {path.stem for path in PACKAGE.rglob("*.py")}
    assert {name for name in names if not set(name.split(".")) <= known} == set()
