"""A place in a file: the names and features that it can count on, and the notes made there."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.contract.decisions import Decisions
from tests.contract.uses import Found, Kind, Subclass, Use
from tests.contract.values import Known, Thing, reviewed_as


@dataclass
class _Scope:
    """A class or function, or without a name the module or a comprehension.

    `untyped` are parameters that may be anything.
    """

    name: str
    untyped: frozenset[str]
    names: dict[str, Known] = field(default_factory=dict)


class Place:
    """Where the reader of a file is."""

    def __init__(self, file: str, decisions: Decisions, found: Found) -> None:
        self._file, self._decisions, self._found = file, decisions, found
        self._scopes = [_Scope("", frozenset())]
        self._guards = decisions.guards(file)
        self._is_lenient = False

    # --- features

    @contextmanager
    def guarded(self, features: Sequence[str] = ()) -> Iterator[None]:
        """Inside, these features are there; those that `hold` adds end with it as well."""
        before = self._guards
        self.hold(features)
        yield
        self._guards = before

    def hold(self, features: Sequence[str]) -> None:
        """From here on these features are there."""
        self._guards = (*self._guards, *features)

    @contextmanager
    def lenient(self) -> Iterator[None]:
        """Inside, what is used may be missing."""
        before, self._is_lenient = self._is_lenient, True
        yield
        self._is_lenient = before

    # --- names

    @contextmanager
    def scope(self, name: str = "", untyped: Iterable[str] = ()) -> Iterator[None]:
        """Inside is a class or function, or without a name a comprehension."""
        self._scopes.append(_Scope(name, frozenset(untyped)))
        with self.guarded(self._decisions.guards(f"{self._file}:{name}")):
            yield
        self._scopes.pop()

    def bind(self, name: str, known: Known) -> None:
        """Gives a name a value; if nothing is known of that, the name may have been reviewed."""
        self._scopes[-1].names[name] = known or self.reviewed(name)

    def find(self, name: str) -> Known:
        """What a name is."""
        for scope in reversed(self._scopes):
            if name in scope.names:
                return scope.names[name]
        return self.reviewed(name)

    def is_untyped(self, name: str) -> bool:
        """Whether a name is a parameter that may be anything, and nobody decided what."""
        return any(name in scope.untyped for scope in self._scopes) and self.decided(name) is None

    # --- what people decided

    def decided(self, name: str) -> str | None:
        """The class that a name or `self.name` was reviewed as."""
        return self._decisions.name(self._file, [scope.name for scope in self._scopes], name)

    def reviewed(self, name: str) -> Known:
        """What a name or `self.name` was reviewed as."""
        return reviewed_as(self.decided(name))

    def computed(self) -> Sequence[str]:
        """The names that this function computes."""
        function = next((scope.name for scope in reversed(self._scopes) if scope.name), "")
        return self._decisions.computed(f"{self._file}:{function}")

    # --- notes

    def problem(self, node: ast.AST, text: str) -> None:
        """Notes what a person has to look at."""
        self._found.problems.append(f"{self._where(node)}: {text}")

    def use(self, node: ast.expr, member: Thing, kind: Kind) -> None:
        """Notes that a member is read or written."""
        tested = member.optional or self._is_lenient
        self._note(Use(self._where(node), member.owner, member.name, kind, self._guards, tested))

    def call(self, node: ast.Call, member: Thing, arguments: tuple[str, ...] | None) -> None:
        """Notes a call; `arguments` as in `Use`."""
        keywords = tuple(keyword.arg for keyword in node.keywords if keyword.arg)
        names, guards, tested = (member.owner, member.name), self._guards, self._is_lenient
        self._note(Use(self._where(node), *names, "call", guards, tested, arguments, keywords))

    def _note(self, use: Use) -> None:
        self._found.uses.add(use)
        if use.tested:
            self._found.features.setdefault(use.path, use.where)

    def subclass(self, node: ast.ClassDef, base: Thing, methods: dict[str, int]) -> None:
        """Notes a class that TensorRT calls."""
        guards = (*self._guards, base.path) if base.optional else self._guards
        self._found.subclasses.append(Subclass(self._where(node), base.path, methods, guards))

    def _where(self, node: ast.AST) -> str:
        return f"{self._file}:{getattr(node, 'lineno', 0)}"
