"""Collects every use of TensorRT's API from the package's own source.

Python says nothing about types here, so the reader follows values: from the module (`trt`), through
calls, assignments and calls between functions of the package, helped by the names in `reviewed`.
Whatever looks like TensorRT and is in neither is a problem, so that the list cannot go stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.contract.decisions import Decisions
from tests.contract.package import parse_package
from tests.contract.place import Place
from tests.contract.statements import StatementReader
from tests.contract.uses import Found, Review


def read_package(directory: Path, review: Review) -> Found:
    """Reads all of a package."""
    sources = {
        str(path.relative_to(directory)): path.read_text(encoding="utf-8")
        for path in sorted(directory.rglob("*.py"))
    }
    return read_sources(sources, review)


def read_sources(sources: Mapping[str, str], review: Review) -> Found:
    """Reads source texts by file name."""
    package = parse_package(sources, review)
    # Twice, since a file may use a subclass that is defined in a later one.
    for _ in range(2):
        decisions = Decisions(review)
        found = Found(consulted=decisions.consulted)
        for file, tree in package.trees.items():
            here = Place(file, decisions, found)
            StatementReader(here, package, decisions).visit(tree)
    found.problems = sorted(set(found.problems))
    return found
