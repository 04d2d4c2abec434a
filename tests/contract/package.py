"""The files of the package that use TensorRT, and what they know of each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.contract.syntax import identifiers
from tests.contract.uses import MODULE, Review


class Function(NamedTuple):
    """Where a function is defined, and its positional parameters without `self`."""

    file: str
    parameters: list[str]


@dataclass(frozen=True)
class Package:
    """The files of a package that use TensorRT.

    Attributes:
        trees: By file.
        functions: By name; those whose name is defined once.
        own_members: Class of TensorRT -> methods and attributes that subclasses of it add.
    """

    trees: Mapping[str, ast.Module]
    functions: Mapping[str, Function]
    own_members: dict[str, set[str]] = field(default_factory=dict)


def parse_package(sources: Mapping[str, str], review: Review) -> Package:
    """Parses source texts by file name, and keeps those that use TensorRT or were reviewed."""
    module_names = {"trt", "_trt"}
    module_names |= {name for name, kind in review.functions.items() if kind == MODULE}
    trees = {name: ast.parse(text) for name, text in sources.items()}
    relevant = {
        name: tree
        for name, tree in trees.items()
        if name in review.names or not module_names.isdisjoint(identifiers(tree))
    }
    definitions: dict[str, list[Function]] = {}
    for name, function in _functions(relevant):
        definitions.setdefault(name, []).append(function)
    return Package(relevant, {name: one for name, (one, *more) in definitions.items() if not more})


def _functions(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, Function]]:
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
                is_method = names[:1] in (["self"], ["cls"])
                yield node.name, Function(file, names[1:] if is_method else names)
