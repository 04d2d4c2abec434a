"""Questions about pieces of Python's syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeGuard


def called_name(node: ast.Call) -> str:
    """The function that is called, or the method of this object; empty for any other."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    return (
        node.func.attr if isinstance(node.func, ast.Attribute) and is_self(node.func.value) else ""
    )


def identifiers(tree: ast.AST) -> set[str]:
    """All names of variables, attributes and parameters."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    return names


def is_self(node: ast.expr) -> bool:
    """Whether this is `self`."""
    return isinstance(node, ast.Name) and node.id == "self"


def is_own_attribute(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Whether this assigns to an attribute of `self`."""
    return (
        isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value)
    )


def is_none(node: ast.expr) -> bool:
    """Whether this is None."""
    return isinstance(node, ast.Constant) and node.value is None


def is_any(argument: ast.arg) -> bool:
    """Whether an argument may be anything."""
    kind = argument.annotation
    return kind is None or (isinstance(kind, ast.Name) and kind.id == "Any")


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether statements end by leaving what they stand in."""
    return isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def catches_missing(node: ast.Try) -> bool:
    """Whether a missing attribute is caught."""
    return any(
        isinstance(name, ast.Name) and name.id == "AttributeError"
        for handler in node.handlers
        if handler.type is not None
        for name in ast.walk(handler.type)
    )
