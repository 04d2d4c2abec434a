"""What types an annotation is made of, and whether values show each of them."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin


def members_of(annotation: Any) -> list[Any]:
    """The members of a union and the values of a Literal, or the type alone."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [one for member in get_args(annotation) for one in members_of(member)]
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [get_origin(annotation) or annotation]


def is_shown(member: Any, values: list[Any]) -> bool:
    """Whether one of the values is this one, or of this type."""
    if isinstance(member, type):
        return any(isinstance(value, member) for value in values)
    return member in values
