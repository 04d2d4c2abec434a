"""Reads expressions: notes what they use of TensorRT, and finds what is known of them."""

# ruff: noqa: N815  # ast.NodeVisitor wants these names

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from tests.contract.decisions import Decisions
from tests.contract.package import Package
from tests.contract.place import Place
from tests.contract.syntax import called_name, is_none, is_self
from tests.contract.uses import MODULE, OURS, Kind
from tests.contract.values import Known, Thing, one_of, reviewed_as, texts_of

_OF_ANY_MODULE = ("__name__", "__path__", "__file__")
_BY_NAME = ("hasattr", "getattr", "setattr", "delattr")
_OF_TEXTS = {"upper": str.upper, "lower": str.lower}


class ExpressionReader(ast.NodeVisitor):
    """Reads the expressions of one file."""

    def __init__(self, here: Place, package: Package, decisions: Decisions) -> None:
        self._here, self._package, self._decisions = here, package, decisions

    def visit(self, node: ast.AST) -> Known:
        """What is known of a node; of a statement nothing is."""
        return super().visit(node) or Known()

    # --- names and texts

    def visit_Name(self, node: ast.Name) -> Known:
        return self._here.find(node.id)

    def visit_Constant(self, node: ast.Constant) -> Known:
        return Known(texts=(node.value,)) if isinstance(node.value, str) else Known()

    def visit_Tuple(self, node: ast.Tuple | ast.List | ast.Set) -> Known:
        return texts_of([self.visit(part) for part in node.elts])

    visit_List = visit_Set = visit_Tuple

    def visit_Dict(self, node: ast.Dict) -> Known:
        for value in node.values:
            self.visit(value)
        return texts_of([self.visit(key) for key in node.keys if key])

    def visit_Starred(self, node: ast.Starred) -> Known:
        return Known(texts=self.visit(node.value).texts)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Known:
        known = self.visit(node.value)
        self._bind(node.target, known)
        return known

    def _bind(self, target: ast.expr, known: Known) -> None:
        """Gives a target of an assignment its value."""
        if isinstance(target, ast.Name):
            self._compare(target, target.id, known)
            self._here.bind(target.id, known)
        elif isinstance(target, ast.Attribute):
            if is_self(target.value):
                self._compare(target, f"self.{target.attr}", known)
            else:
                self._members(target, target.value, [target.attr], "write")
        elif isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._bind(part, Known())
        else:
            self.visit(target)

    def _compare(self, target: ast.expr, name: str, known: Known) -> None:
        """What a name is given has to be what it was reviewed as."""
        given, decided = self._class_of(known), self._here.decided(name)
        if not given or decided == given:
            return
        if decided == OURS:
            self._here.problem(target, f"{name} is {given}, but was reviewed as not TensorRT's")
        elif decided is not None:
            self._here.problem(target, f"{name} is {given}, but was reviewed as {decided}")
        elif isinstance(target, ast.Attribute):
            self._here.problem(target, f"{name} is {given}: not reviewed")

    # --- what tests make sure of

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Known:
        known = self.visit(node.operand)
        is_not = isinstance(node.op, ast.Not)
        return Known(if_true=known.if_false, if_false=known.if_true) if is_not else Known()

    def visit_BoolOp(self, node: ast.BoolOp) -> Known:
        is_and = isinstance(node.op, ast.And)
        parts: list[Known] = []
        made_sure: tuple[str, ...] = ()
        for part in node.values:
            with self._here.guarded(made_sure):
                parts.append(self.visit(part))
            made_sure += parts[-1].if_true if is_and else parts[-1].if_false
        known = one_of(*parts)
        return replace(known, if_true=made_sure) if is_and else replace(known, if_false=made_sure)

    def visit_Compare(self, node: ast.Compare) -> Known:
        known = self.visit(node.left)
        for part in node.comparators:
            self.visit(part)
        if len(node.ops) == 1 and is_none(node.comparators[0]):
            if isinstance(node.ops[0], ast.IsNot):
                return Known(if_true=known.if_true)
            if isinstance(node.ops[0], ast.Is):
                return Known(if_false=known.if_true)
        return Known()

    def visit_IfExp(self, node: ast.IfExp) -> Known:
        test = self.visit(node.test)
        with self._here.guarded(test.if_true):
            body = self.visit(node.body)
        with self._here.guarded(test.if_false):
            return one_of(body, self.visit(node.orelse))

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self._comprehend(node.generators, [node.elt])

    visit_ListComp = visit_SetComp = visit_GeneratorExp = _comprehension

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehend(node.generators, [node.key, node.value])

    def _comprehend(
        self, generators: Iterable[ast.comprehension], results: Iterable[ast.expr]
    ) -> None:
        with self._here.scope():
            for generator in generators:
                self._loop(generator.target, generator.iter)
                for condition in generator.ifs:
                    self._here.hold(self.visit(condition).if_true)
            for result in results:
                self.visit(result)

    def _loop(self, target: ast.expr, iterable: ast.expr) -> None:
        """Only texts are known of what is in a collection."""
        self._bind(target, Known(texts=self.visit(iterable).texts))

    # --- members

    def visit_Attribute(self, node: ast.Attribute) -> Known:
        if is_self(node.value):
            return self._here.reviewed(f"self.{node.attr}")
        return self._members(node, node.value, [node.attr], "read")

    def _members(
        self,
        node: ast.expr,
        subject: ast.expr,
        names: Sequence[str],
        kind: Kind,
        *,
        tested: bool = False,
    ) -> Known:
        """Notes a use of what a subject has by these names; `tested` as in `Use`."""
        known = self.visit(subject)
        if not known.things and isinstance(subject, ast.Name) and self._here.is_untyped(subject.id):
            self._here.problem(node, f"{subject.id} is Any, and not reviewed")
        owners = [owner for thing in known.things for owner in self._owner(node, thing)]
        if owners and not names:
            self._here.problem(node, f"a name of {owners[0].path or 'the module'} is computed here")
        members = tuple(
            owner.member(name, optional=tested)
            for owner in owners
            for name in names
            if name not in self._added_to(owner)
        )
        for member in members:
            self._here.use(node, member, kind)
        return Known(members, if_true=tuple(one.path for one in members if tested))

    def _owner(self, node: ast.expr, thing: Thing) -> tuple[Thing, ...]:
        """What has the members: the thing, or what it returned or holds if it is a member."""
        if thing.what != "member":
            return (thing,)
        kind = self._decisions.returned(thing.path)
        if kind is None:
            self._here.problem(node, f"what {thing.path} gives is used: not reviewed")
        return reviewed_as(kind).things

    def _added_to(self, owner: Thing) -> Collection[str]:
        """Members that it has from Python or from the package."""
        if owner.what == "module":
            return _OF_ANY_MODULE
        return self._package.own_members.get(owner.path, ()) if owner.what == "object" else ()

    def _class_of(self, known: Known) -> str:
        """The class of the object that it is for sure; empty if there is none."""
        classes = {self._class(thing) for thing in known.things}
        return classes.pop() if len(classes) == 1 else ""

    def _class(self, thing: Thing) -> str:
        if thing.what == "module":
            return MODULE
        if thing.what == "object":
            return thing.path
        if thing.what == "member":
            returned = self._decisions.returned(thing.path)
            return "" if returned is None or returned == OURS else returned
        is_member_of_enum = thing.name.isupper()
        return thing.owner if is_member_of_enum else ""

    # --- calls

    def visit_Call(self, node: ast.Call) -> Known:
        name = called_name(node)
        is_accessor = isinstance(node.func, ast.Name) and self._decisions.is_accessor(name)
        if name in _BY_NAME or is_accessor:
            return self._called_by_name(node, name, refuses=is_accessor)
        callee = self.visit(node.func)
        arguments = [self.visit(argument) for argument in node.args]
        for keyword in node.keywords:
            self.visit(keyword)
        if self._decisions.forwards(name):
            return arguments[0]
        self._check_parameters(node, name, arguments)
        if returned := self._decisions.function(name):
            return reviewed_as(returned)
        if texts := self._changed_texts(node.func):
            return Known(texts=texts)
        classes = tuple(self._class_of(argument) for argument in arguments)
        return one_of(*[self._called(node, thing, classes) for thing in callee.things])

    def _called_by_name(self, node: ast.Call, function: str, *, refuses: bool) -> Known:
        """`getattr(object, name)` and the like; whether it refuses by itself what is not there."""
        subject, name, *rest = node.args
        names = self.visit(name).texts or self._here.computed()
        others = one_of(*map(self.visit, rest))
        kind: Kind = "write" if function == "setattr" else "read"
        tested = refuses or function == "hasattr" or (function == "getattr" and bool(rest))
        members = self._members(node, subject, names, kind, tested=tested)
        if function == "hasattr":
            return Known(if_true=members.if_true)
        return replace(members, things=members.things + others.things, texts=others.texts)

    def _changed_texts(self, method: ast.expr) -> tuple[str, ...]:
        """What a method like `upper` makes of the texts that its object may be."""
        if isinstance(method, ast.Attribute) and method.attr in _OF_TEXTS:
            return tuple(map(_OF_TEXTS[method.attr], self.visit(method.value).texts))
        return ()

    def _called(self, node: ast.Call, thing: Thing, classes: tuple[str, ...]) -> Known:
        """Notes that a thing is called with objects of these classes; what it returns."""
        arguments = None if any(isinstance(one, ast.Starred) for one in node.args) else classes
        if thing.what == "object":
            self._here.problem(node, f"{thing.path} is called")
        elif thing.what == "member":
            self._here.call(node, thing, arguments)
            return reviewed_as(self._decisions.returned(thing.path)) or Known((thing,))
        elif thing.name == "__init__":
            self._here.call(node, thing, arguments and arguments[1:])  # the first is self
        elif thing.what == "class":
            self._here.call(node, thing.member("__init__"), arguments)
            return Known((Thing("object", thing.path),))
        return Known()

    def _check_parameters(self, node: ast.Call, name: str, arguments: Sequence[Known]) -> None:
        """What a function of the package gets has to be what its parameter was reviewed as."""
        if name not in self._package.functions:
            return
        file, parameters = self._package.functions[name]
        for parameter, argument in zip(parameters, arguments, strict=False):
            given = self._class_of(argument)
            expected = self._decisions.name(file, [name], parameter)
            if given and expected is None:
                self._here.problem(node, f"{name}({parameter}) is given {given}: not reviewed")
            elif given and expected not in (given, OURS):
                self._here.problem(node, f"{name}({parameter}) is {expected}, given {given}")
