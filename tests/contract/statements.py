"""Reads statements: what they call by which name, and what they make sure of for others."""

# ruff: noqa: N802, N815  # ast.NodeVisitor wants these names

from __future__ import annotations

import ast
from collections.abc import Iterable

from tests.contract.expressions import ExpressionReader
from tests.contract.syntax import catches_missing, is_any, is_own_attribute, leaves
from tests.contract.values import Known, Thing


class StatementReader(ExpressionReader):
    """Reads one file."""

    def generic_visit(self, node: ast.AST) -> None:
        """Features that are made sure of inside a statement end with it."""
        with self._here.guarded():
            super().generic_visit(node)

    def _block(self, statements: Iterable[ast.stmt]) -> None:
        with self._here.guarded():
            for statement in statements:
                self.visit(statement)

    # --- functions and classes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if part is not None:
                self.visit(part)
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        untyped = {one.arg for one in parameters if is_any(one) and one.arg != "self"}
        with self._here.scope(node.name, untyped):
            # A parameter hides what an outer function calls by the same name.
            for parameter in parameters:
                self._here.bind(parameter.arg, Known())
            self._block(node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.keywords):
            self.visit(part)
        for base in node.bases:
            for thing in self.visit(base).things:
                if thing.what == "class":
                    self._subclass(node, thing)
        with self._here.scope(node.name):
            self._block(node.body)

    def _subclass(self, node: ast.ClassDef, base: Thing) -> None:
        children = list(ast.walk(node))
        methods = {one.name: one for one in children if isinstance(one, ast.FunctionDef)}
        attributes = {one.attr for one in children if is_own_attribute(one)}
        self._package.own_members.setdefault(base.path, set()).update(methods, attributes)
        counts = {
            name: len(one.args.posonlyargs + one.args.args) - 1
            for name, one in methods.items()
            if not name.startswith("_")
        }
        self._here.subclass(node, base, counts)

    # --- assignments

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assign(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(node.target, node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if (
            isinstance(target, ast.Tuple)
            and isinstance(value, ast.Tuple)
            and len(target.elts) == len(value.elts)
        ):
            for part, its_value in zip(target.elts, value.elts, strict=True):
                self._assign(part, its_value)
        else:
            self._bind(target, self.visit(value))

    def visit_withitem(self, node: ast.withitem) -> None:
        known = self.visit(node.context_expr)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, known)

    # --- control flow

    def visit_If(self, node: ast.If) -> None:
        test = self.visit(node.test)
        with self._here.guarded(test.if_true):
            self._block(node.body)
        with self._here.guarded(test.if_false):
            self._block(node.orelse)
        if leaves(node.body):
            self._here.hold(test.if_false)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._loop(node.target, node.iter)
        self._block([*node.body, *node.orelse])

    visit_AsyncFor = visit_For

    def visit_Try(self, node: ast.Try) -> None:
        if catches_missing(node):
            with self._here.lenient():
                self._block(node.body)
        else:
            self._block(node.body)
        for handler in node.handlers:
            self.visit(handler)
        self._block([*node.orelse, *node.finalbody])

    visit_TryStar = visit_Try
