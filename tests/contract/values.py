"""What may be known of an expression: things of TensorRT's, texts, and features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tests.contract.uses import MODULE, OURS


@dataclass(frozen=True)
class Thing:
    """Something of TensorRT's.

    Attributes:
        what: The module; what is reached from it by names alone, as are classes and the members
            of enums; an object of a class; or the member of an object, called or not.
        path: Dotted from the module: `TensorIOMode.INPUT`, `ICudaEngine.num_io_tensors`. Of an
            object it is that of the class, of the module it is empty.
        optional: The code asked for it, and goes on without it.
    """

    what: Literal["module", "class", "object", "member"]
    path: str = ""
    optional: bool = False

    @property
    def owner(self) -> str:
        """The path without the last name."""
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last name of the path."""
        return self.path.rpartition(".")[2]

    def member(self, name: str, *, optional: bool = False) -> Thing:
        """What it has by a name."""
        path = f"{self.path}.{name}" if self.path else name
        return Thing("member" if self.what == "object" else "class", path, optional)


@dataclass(frozen=True)
class Known:
    """What is known of an expression.

    Attributes:
        things: What of TensorRT's it may be.
        texts: Texts that it may be, or that it may have in it.
        if_true: Features that there are where it is true.
        if_false: Features that there are where it is false.
    """

    things: tuple[Thing, ...] = ()
    texts: tuple[str, ...] = ()
    if_true: tuple[str, ...] = ()
    if_false: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is."""
        return bool(self.things or self.texts or self.if_true or self.if_false)


def reviewed_as(kind: str | None) -> Known:
    """What people decided that something is."""
    if kind is None or kind == OURS:
        return Known()
    return Known((Thing("module") if kind == MODULE else Thing("object", kind),))


def texts_of(parts: Iterable[Known]) -> Known:
    """A collection of these."""
    return Known(texts=tuple(text for part in parts for text in part.texts))


def one_of(*parts: Known) -> Known:
    """Any of these."""
    things = tuple(thing for part in parts for thing in part.things)
    return Known(things, texts_of(parts).texts)
