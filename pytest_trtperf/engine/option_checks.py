"""Checks of the values of build options.

Each returns the value in one spelling, as JSON can hold it, or raises a ValueError whose text says
what the option takes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[object], Any]


def flag(value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def int_between(low: int, high: int) -> Check:
    """A whole number in a range, both ends included."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return check


def mib(value: object) -> float:
    """An amount of memory in MiB, above 0, whose number of bytes fits 64 bits."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 2**43:
        return float(value)
    raise ValueError("a number above 0 and below 2**43")


def member(value: object) -> str:
    """The name of an enum's member, in upper case. Whether it exists depends on the version."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", value):
        return value.upper()
    raise ValueError("a name in quotes")


def members(value: object) -> list[str]:
    """One or more names of an enum's members, in their order."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not names:
        raise ValueError("a list of names")
    return [member(name) for name in names]


def member_set(value: object) -> list[str]:
    """As `members`, each once and in alphabetical order: the user's order has no meaning."""
    return sorted(set(members(value)))


def by_member(check: Check) -> Check:
    """A mapping from names of an enum's members."""

    def check_all(value: object) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not value:
            raise ValueError("a mapping from names")
        try:
            found = {member(name): check(value[name]) for name in sorted(value)}
        except (TypeError, ValueError) as wanted:
            raise ValueError(f"a mapping from names, each to {wanted}") from None
        if len(found) < len(value):
            raise ValueError("each name once, in upper or lower case")
        return found

    return check_all


def by_tensor(check: Check) -> Check:
    """A mapping from names of inputs and outputs."""

    def check_all(value: object) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not value:
            raise ValueError("a mapping from names of inputs and outputs")
        if not all(isinstance(name, str) for name in value):
            raise ValueError("names of inputs and outputs in quotes")
        try:
            return {name: check(value[name]) for name in sorted(value)}
        except ValueError as wanted:
            raise ValueError(f"names of inputs and outputs, each with {wanted}") from None

    return check_all


def files(value: object) -> list[str]:
    """One or more paths."""
    paths = [value] if isinstance(value, (str, os.PathLike)) else value
    if isinstance(paths, Sequence) and paths:
        texts = [os.fspath(path) for path in paths if isinstance(path, (str, os.PathLike))]
        if len(texts) == len(paths) and all(isinstance(t, str) and t for t in texts):
            return texts
    raise ValueError("a list of paths")


def flag_or_file(value: object) -> bool | str:
    """True, False or a path."""
    if isinstance(value, bool):
        return value
    try:
        (path,) = files(value)
    except ValueError:
        raise ValueError("True, False or a path") from None
    return path


def text(value: object) -> str:
    """Any text but an empty one."""
    if isinstance(value, str) and value:
        return value
    raise ValueError("a text in quotes")
