"""A use of TensorRT's API, what is known of names beforehand, and all that was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

OURS = "-"
MODULE = "module"

Kind = Literal["read", "write", "call"]


@dataclass(frozen=True, order=True)
class Use:
    """One use of the API.

    Attributes:
        where: File and line.
        owner: Dotted path of the class from the module; empty for the module itself.
        guards: Features that the code has made sure of at this place; without them the use is not
            reached.
        tested: The code asks for the name itself, and goes on without it.
        arguments: Of a call: the class of each argument where it is known; None for any number.
    """

    where: str
    owner: str
    name: str
    kind: Kind
    guards: tuple[str, ...] = ()
    tested: bool = False
    arguments: tuple[str, ...] | None = None
    keywords: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """`ICudaEngine.num_io_tensors`, `TensorIOMode.INPUT`."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    def as_json(self) -> dict[str, Any]:
        """For the process that has the bindings."""
        return {**asdict(self), "path": self.path}


@dataclass(frozen=True)
class Subclass:
    """A class of the package that TensorRT calls: its methods with their number of arguments."""

    where: str
    base: str
    methods: Mapping[str, int]
    guards: tuple[str, ...]


@dataclass(frozen=True)
class Review:
    """What people have looked at and decided; see `reviewed`.

    Attributes:
        names: For each file: name, `self.name` or `Function:name` -> class of TensorRT or OURS.
        returns: Class and member -> class of what it returns or holds; OURS for plain values.
        functions: Functions of the package -> class of what they return.
        forwards: Functions that return their first argument.
        accessors: Functions that take (object, name), like `getattr`, and refuse by themselves.
        computed: `file:function` -> the names that it computes for `getattr` and the like.
        guards: File or `file:function` -> a feature without which none of its code is reached.
    """

    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    returns: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    forwards: frozenset[str] = frozenset()
    accessors: frozenset[str] = frozenset()
    computed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    guards: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Found:
    """Everything that was read.

    Attributes:
        features: Names that the code asks for before it uses them.
        problems: What a person has to look at.
        consulted: The entries of the review that were needed, to find stale ones.
    """

    uses: set[Use] = field(default_factory=set)
    subclasses: list[Subclass] = field(default_factory=list)
    features: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    consulted: set[tuple[str, ...]] = field(default_factory=set)
