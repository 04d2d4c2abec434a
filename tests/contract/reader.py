"""Collects every use of TensorRT's API from the package's own source.

Python says nothing about types here, so the reader follows values: from the module (`trt`), through
calls, assignments and calls between functions of the package, helped by the names in `reviewed`.
Whatever looks like TensorRT and is in neither is a problem, so that the list cannot go stale.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.contract.syntax import (
    called_name,
    catches_missing,
    is_any,
    is_none,
    is_own_attribute,
    is_self,
    leaves,
)
from tests.contract.uses import MODULE, OURS, Found, Kind, Review, Subclass, Use


@dataclass(frozen=True)
class _Value:
    """One thing that an expression may be: `what` is a module, class, object, member or text."""

    what: Literal["module", "class", "object", "member", "text"]
    owner: str = ""
    name: str = ""
    guard: str = ""

    @property
    def path(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner and self.name else self.owner or self.name


_Values = tuple[_Value, ...]
_OF_ANY_MODULE = ("__name__", "__path__", "__file__")
_TEXT_METHODS = ("upper", "lower")


def read_package(package: Path, review: Review) -> Found:
    """Reads all of a package."""
    sources = {
        str(path.relative_to(package)): path.read_text(encoding="utf-8")
        for path in sorted(package.rglob("*.py"))
    }
    return read_sources(sources, review)


def read_sources(sources: Mapping[str, str], review: Review) -> Found:
    """Reads source texts by file name."""
    trees = {name: ast.parse(text) for name, text in sources.items()}
    found = Found()
    relevant = {name: tree for name, tree in trees.items() if _is_relevant(name, tree, review)}
    functions: dict[str, list[tuple[str, ast.FunctionDef]]] = {}
    for name, tree in relevant.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                functions.setdefault(node.name, []).append((name, node))
    own_members: dict[str, set[str]] = {}
    # Twice, since a file may use a subclass that is defined in a later one.
    for final in (False, True):
        current = found if final else Found()
        for name, tree in relevant.items():
            _Reader(name, review, current, functions, own_members).read(tree)
    found.problems = sorted(set(found.problems))
    return found


def _is_relevant(name: str, tree: ast.AST, review: Review) -> bool:
    if name in review.names:
        return True
    words = {"trt", "_trt", *(word for word, kind in review.functions.items() if kind == MODULE)}
    return any(
        (isinstance(node, ast.Name) and node.id in words)
        or (isinstance(node, ast.Attribute) and node.attr in words)
        or (isinstance(node, ast.arg) and node.arg in words)
        for node in ast.walk(tree)
    )


class _Reader:
    """Reads one file."""

    def __init__(
        self,
        file: str,
        review: Review,
        found: Found,
        functions: Mapping[str, Sequence[tuple[str, ast.FunctionDef]]],
        own_members: dict[str, set[str]],
    ) -> None:
        self._file, self._review, self._found = file, review, found
        self._functions, self._own_members = functions, own_members
        self._scopes: list[str] = []
        self._environments: list[dict[str, _Values]] = [{}]
        self._untyped: list[set[str]] = [set()]
        self._guards = self._reviewed_guards(file)
        self._lenient = False

    def read(self, tree: ast.Module) -> None:
        self._block(tree.body)

    # --- statements

    def _block(self, statements: Sequence[ast.stmt]) -> None:
        """Guards of an `if` that leaves hold for the rest of the block."""
        added = 0
        for statement in statements:
            if isinstance(statement, ast.If):
                positive, negative = self._tests(statement.test)
                with self._guarded(positive):
                    self._block(statement.body)
                with self._guarded(negative):
                    self._block(statement.orelse)
                if leaves(statement.body):
                    self._guards += negative
                    added += len(negative)
            else:
                self._statement(statement)
        del self._guards[len(self._guards) - added :]

    @contextmanager
    def _guarded(self, guards: Sequence[str]) -> Iterator[None]:
        self._guards += guards
        try:
            yield
        finally:
            del self._guards[len(self._guards) - len(guards) :]

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._function(node)
        elif isinstance(node, ast.ClassDef):
            self._class(node)
        elif isinstance(node, ast.Assign):
            self._assign(node.targets, node.value)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self._assign([node.target], node.value)
        elif isinstance(node, ast.For):
            self._loop(node.target, node.iter)
            self._block([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            before, self._lenient = self._lenient, self._lenient or catches_missing(node)
            self._block(node.body)
            self._lenient = before
            for handler in node.handlers:
                self._block(handler.body)
            self._block([*node.orelse, *node.finalbody])
        elif isinstance(node, ast.With):
            for item in node.items:
                value = self._value(item.context_expr)
                if item.optional_vars is not None:
                    self._bind(item.optional_vars, value)
            self._block(node.body)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self._value(child)
                elif isinstance(child, ast.stmt):
                    self._statement(child)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self._value(default)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        self._scopes.append(node.name)
        self._environments.append({})
        self._untyped.append({a.arg for a in arguments if a.arg != "self" and is_any(a)})
        # A parameter hides what an outer function calls by the same name.
        for argument in arguments:
            self._environments[-1][argument.arg] = self._reviewed(argument.arg)
        with self._guarded(self._reviewed_guards(f"{self._file}:{node.name}")):
            self._block(node.body)
        self._untyped.pop()
        self._environments.pop()
        self._scopes.pop()

    def _class(self, node: ast.ClassDef) -> None:
        bases = [value for base in node.bases for value in self._value(base)]
        for base in bases:
            if base.what == "class":
                self._subclass(node, base)
        self._scopes.append(node.name)
        self._block(node.body)
        self._scopes.pop()

    def _subclass(self, node: ast.ClassDef, base: _Value) -> None:
        methods: dict[str, int] = {}
        own = self._own_members.setdefault(base.path, set())
        for child in ast.walk(node):
            if isinstance(child, ast.FunctionDef):
                own.add(child.name)
                if not child.name.startswith("_"):
                    methods[child.name] = len(child.args.posonlyargs + child.args.args) - 1
            elif is_own_attribute(child):
                own.add(child.attr)
        guards = (*self._guards, *((base.guard,) if base.guard else ()))
        self._found.subclasses.append(Subclass(self._where(node), base.path, methods, guards))

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        if not self._scopes and isinstance(value, ast.Tuple | ast.List | ast.Set | ast.Dict):
            texts = tuple(_Value("text", name=text) for text in self._texts(value))
            for target in targets:
                if isinstance(target, ast.Name):
                    self._environments[0][f"{target.id}[]"] = texts
        if isinstance(value, ast.Tuple):
            for target in targets:
                if isinstance(target, ast.Tuple) and len(target.elts) == len(value.elts):
                    for one_target, one_value in zip(target.elts, value.elts, strict=True):
                        self._bind(one_target, self._value(one_value))
                    return
        values = self._value(value)
        for target in targets:
            self._bind(target, values)

    def _bind(self, target: ast.expr, values: _Values) -> None:
        if isinstance(target, ast.Name):
            known = self._reviewed(target.id)
            self._agree(target, target.id, known, values)
            self._environments[-1][target.id] = values or known
        elif isinstance(target, ast.Attribute):
            if is_self(target.value):
                name = f"self.{target.attr}"
                known = self._reviewed(name)
                self._agree(target, name, known, values)
                if not known and self._class_of(values) and not self._is_ours(name):
                    self._problem(target, f"{name} is {self._class_of(values)}: not reviewed")
                return
            self._member(target, "write")
        elif isinstance(target, ast.Tuple | ast.List):
            for one in target.elts:
                self._bind(one, ())
        elif isinstance(target, ast.Subscript):
            self._value(target.value)
            self._value(target.slice)

    def _agree(self, node: ast.expr, name: str, known: _Values, values: _Values) -> None:
        expected, actual = self._class_of(known), self._class_of(values)
        if expected and actual and expected != actual:
            self._problem(node, f"{name} is {actual}, but was reviewed as {expected}")
        if actual and self._is_ours(name):
            self._problem(node, f"{name} is {actual}, but was reviewed as not TensorRT's")

    def _loop(self, target: ast.expr, iterable: ast.expr) -> None:
        texts = self._texts(iterable)
        self._value(iterable)
        self._bind(target, tuple(_Value("text", name=text) for text in texts))

    # --- guards

    def _tests(self, test: ast.expr) -> tuple[list[str], list[str]]:
        """What holds where the test is true, and where it is false; reads the test as well."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            positive, negative = self._tests(test.operand)
            return negative, positive
        if isinstance(test, ast.BoolOp):
            conjunction = isinstance(test.op, ast.And)
            all_guards: list[str] = []
            for part in test.values:
                with self._guarded(all_guards):
                    positive, negative = self._tests(part)
                all_guards += positive if conjunction else negative
            return (all_guards, []) if conjunction else ([], all_guards)
        values = self._value(test)
        if isinstance(test, ast.Call) and called_name(test) == "hasattr":
            return self._asked(test), []
        if isinstance(test, ast.Compare) and is_none(test.comparators[0]):
            guards = [value.guard for value in self._value(test.left) if value.guard]
            return ([], guards) if isinstance(test.ops[0], ast.Is) else (guards, [])
        return [value.guard for value in values if value.guard], []

    def _asked(self, call: ast.Call) -> list[str]:
        names = self._texts(call.args[1])
        return [
            _join(value, name)
            for value in self._owners(self._value(call.args[0]))
            for name in names
        ]

    # --- expressions

    def _value(self, node: ast.expr) -> _Values:
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Constant):
            return (_Value("text", name=node.value),) if isinstance(node.value, str) else ()
        if isinstance(node, ast.Attribute):
            return self._member(node, "read")
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.IfExp):
            positive, negative = self._tests(node.test)
            with self._guarded(positive):
                body = self._value(node.body)
            with self._guarded(negative):
                return (*body, *self._value(node.orelse))
        if isinstance(node, ast.BoolOp):
            result: _Values = ()
            guards: list[str] = []
            for part in node.values:
                with self._guarded(guards):
                    result += self._value(part)
                    if isinstance(node.op, ast.And):
                        guards = [*guards, *self._tests(part)[0]]
            return result
        if isinstance(node, ast.NamedExpr):
            values = self._value(node.value)
            self._bind(node.target, values)
            return values
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            return self._comprehension(node)
        if isinstance(node, ast.Lambda):
            self._value(node.body)
            return ()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._value(child)
        return ()

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> _Values:
        self._environments.append({})
        self._untyped.append(set())
        guards: list[str] = []
        for generator in node.generators:
            self._loop(generator.target, generator.iter)
            for condition in generator.ifs:
                guards += self._tests(condition)[0]
        with self._guarded(guards):
            for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
                self._value(part)
        self._untyped.pop()
        self._environments.pop()
        return ()

    def _name(self, node: ast.Name) -> _Values:
        for environment in reversed(self._environments):
            if node.id in environment:
                return environment[node.id]
        return self._reviewed(node.id)

    def _member(self, node: ast.Attribute, kind: Kind) -> _Values:
        if is_self(node.value):
            return self._reviewed(f"self.{node.attr}")
        values = self._value(node.value)
        if not values and isinstance(node.value, ast.Name):
            self._unknown(node, node.value.id)
        result: list[_Value] = []
        for owner in self._owners(values, node):
            if node.attr in self._own_members.get(owner.path, ()) and owner.what == "object":
                continue
            if owner.what == "module" and node.attr in _OF_ANY_MODULE:
                continue
            path = owner.path if owner.what != "module" else ""
            self._use(node, path, node.attr, kind)
            is_class = owner.what in ("module", "class")
            result.append(_Value("class" if is_class else "member", path, node.attr))
        return tuple(result)

    def _unknown(self, node: ast.expr, name: str) -> None:
        if any(name in untyped for untyped in self._untyped) and not self._is_ours(name):
            self._problem(node, f"{name} is Any, and not reviewed")

    def _owners(self, values: _Values, node: ast.expr | None = None) -> list[_Value]:
        """What of it has members: of a member that is not called, what it holds."""
        owners: list[_Value] = []
        for value in values:
            if value.what == "member":
                held = self._returned(value, node)
                if held:
                    owners.append(_Value("object", held))
            elif value.what != "text":
                owners.append(value)
        return owners

    def _returned(self, value: _Value, node: ast.expr | None) -> str:
        self._found.consulted.add(("returns", value.path))
        held = self._review.returns.get(value.path)
        if held is None and node is not None:
            self._problem(node, f"what {value.path} gives is used: not reviewed")
        return "" if held in (None, OURS) else str(held)

    def _call(self, node: ast.Call) -> _Values:
        name = called_name(node)
        if name in ("hasattr", "getattr", "setattr", "delattr") or (
            name in self._review.accessors and isinstance(node.func, ast.Name)
        ):
            return self._access(node, name)
        callees = self._value(node.func)
        arguments = [self._value(argument) for argument in node.args]
        for keyword in node.keywords:
            self._value(keyword.value)
        self._passed(node, name, arguments)
        if name in self._review.functions:
            self._found.consulted.add(("functions", name))
            returned = self._review.functions[name]
            return (_Value("module"),) if returned == MODULE else (_Value("object", returned),)
        if name in self._review.forwards:
            self._found.consulted.add(("forwards", name))
            return arguments[0]
        result: list[_Value] = []
        for callee in callees:
            if callee.what == "text" or callee.what == "module":
                continue
            if callee.what == "object":
                self._problem(node, f"{callee.owner} is called")
                continue
            is_constructor = callee.what == "class" and callee.name != "__init__"
            if is_constructor:
                owner, called = callee.path, "__init__"
                result.append(_Value("object", callee.path))
            else:
                owner, called = callee.owner, callee.name
                if callee.what == "member":
                    returned = self._review.returns.get(callee.path, "")
                    self._found.consulted.add(("returns", callee.path))
                    result += (
                        [_Value("object", returned)] if returned not in ("", OURS) else [callee]
                    )
            kinds: tuple[str, ...] | None = tuple(self._class_of(values) for values in arguments)
            if any(isinstance(argument, ast.Starred) for argument in node.args):
                kinds = None
            elif callee.what == "class" and not is_constructor:
                kinds = (kinds or ())[1:]  # an unbound call, with self
            keywords = tuple(keyword.arg for keyword in node.keywords if keyword.arg)
            self._use(node, owner, called, "call", kinds, keywords)
        return tuple(result)

    def _access(self, node: ast.Call, function: str) -> _Values:
        owners = self._owners(self._value(node.args[0]), node)
        defaults = [value for extra in node.args[2:] for value in self._value(extra)]
        for keyword in node.keywords:
            self._value(keyword.value)
        if not owners:
            if isinstance(node.args[0], ast.Name) and self._scope() not in self._review.accessors:
                self._unknown(node, node.args[0].id)
            return ()
        names = self._texts(node.args[1])
        if not names:
            self._problem(node, f"a name of {owners[0].path or 'the module'} is computed here")
        tested = (
            function == "hasattr"
            or function in self._review.accessors
            or (function == "getattr" and len(node.args) > 2)
        )
        if function in self._review.accessors:
            self._found.consulted.add(("accessors", function))
        result: list[_Value] = []
        for owner in owners:
            path = owner.path if owner.what != "module" else ""
            for name in names:
                if owner.what == "module" and name in _OF_ANY_MODULE:
                    continue
                self._use(
                    node, path, name, "write" if function == "setattr" else "read", tested=tested
                )
                what: Literal["class", "member"] = "member" if owner.what == "object" else "class"
                guard = _join(owner, name) if tested else ""
                result.append(_Value(what, path, name, guard))
        return () if function in ("hasattr", "setattr") else (*result, *defaults)

    def _texts(self, node: ast.expr) -> list[str]:
        """The texts that an expression may be, or that a sequence of texts has."""
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return [text for part in node.elts for text in self._texts(part)]
        if isinstance(node, ast.Dict):
            return [text for key in node.keys if key is not None for text in self._texts(key)]
        if isinstance(node, ast.Starred):
            return self._texts(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method = node.func.attr
            if method in _TEXT_METHODS and not node.args:
                inner = self._texts(node.func.value)
                return [getattr(text, method)() for text in inner] or self._computed()
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.Name):
            known = [value.name for value in self._name(node) if value.what == "text"]
            return known or self._constant(node.id) or self._computed()
        return self._computed()

    def _constant(self, name: str) -> list[str]:
        return [value.name for value in self._environments[0].get(f"{name}[]", ())]

    def _computed(self) -> list[str]:
        key = f"{self._file}:{self._scope()}"
        self._found.consulted.add(("computed", key))
        return list(self._review.computed.get(key, ()))

    def _passed(self, node: ast.Call, name: str, arguments: Sequence[_Values]) -> None:
        """What a function of the package gets has to be what its parameter was reviewed as."""
        defined = self._functions.get(name, ())
        if len(defined) != 1:
            return
        file, function = defined[0]
        parameters = [*function.args.posonlyargs, *function.args.args]
        if parameters and parameters[0].arg in ("self", "cls"):
            parameters = parameters[1:]
        if name in self._review.forwards or name in self._review.accessors:
            return
        for parameter, values in zip(parameters, arguments, strict=False):
            actual = self._class_of(values)
            if not actual:
                continue
            expected = _look_up(self._review, file, [name], parameter.arg)
            if expected is None:
                self._problem(node, f"{name}({parameter.arg}) is given {actual}: not reviewed")
            elif expected not in (actual, OURS):
                self._problem(node, f"{name}({parameter.arg}) is {expected}, given {actual}")

    # --- what people decided

    def _reviewed(self, name: str) -> _Values:
        if name in ("trt", "self._trt"):
            return (_Value("module"),)
        kind = _look_up(self._review, self._file, self._scopes, name, self._found)
        if kind is None or kind == OURS:
            return ()
        return (_Value("module"),) if kind == MODULE else (_Value("object", kind),)

    def _reviewed_guards(self, place: str) -> list[str]:
        guard = self._review.guards.get(place)
        if guard is None:
            return []
        self._found.consulted.add(("guards", place))
        return [guard]

    def _is_ours(self, name: str) -> bool:
        return _look_up(self._review, self._file, self._scopes, name, self._found) == OURS

    def _class_of(self, values: _Values) -> str:
        """The class of the object that it is, if it is one for sure."""
        classes = set()
        for value in values:
            if value.what == "object":
                classes.add(value.owner)
            elif value.what == "module":
                classes.add(MODULE)
            elif value.what == "member":
                classes.add(self._returned(value, None))
            elif value.what == "class" and "." in value.path and value.name.isupper():
                classes.add(value.owner)  # the member of an enum
        return classes.pop() if len(classes) == 1 else ""

    # --- notes

    def _scope(self) -> str:
        return self._scopes[-1] if self._scopes else ""

    def _where(self, node: ast.AST) -> str:
        return f"{self._file}:{getattr(node, 'lineno', 0)}"

    def _problem(self, node: ast.AST, text: str) -> None:
        self._found.problems.append(f"{self._where(node)}: {text}")

    def _use(
        self,
        node: ast.AST,
        owner: str,
        name: str,
        kind: Kind,
        arguments: tuple[str, ...] | None = None,
        keywords: tuple[str, ...] = (),
        tested: bool = False,
    ) -> None:
        tested = tested or self._lenient
        use = Use(
            self._where(node), owner, name, kind, tuple(self._guards), tested, arguments, keywords
        )
        self._found.uses.add(use)
        if tested:
            self._found.features.setdefault(use.path, use.where)


def _look_up(
    review: Review, file: str, scopes: Iterable[str], name: str, found: Found | None = None
) -> str | None:
    if name == "trt":
        return MODULE
    names = review.names.get(file, {})
    for key in (*(f"{scope}:{name}" for scope in reversed(list(scopes))), name):
        if key in names:
            if found is not None:
                found.consulted.add(("names", file, key))
            return names[key]
    return None


def _join(owner: _Value, name: str) -> str:
    return f"{owner.path}.{name}" if owner.what != "module" and owner.path else name
