"""How one function looks for values among rows, and whether it does anything else with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Location
from sqla_leaklint.domain.places import place_in
from sqla_leaklint.domain.rows.holders import SAME_VALUES
from sqla_leaklint.domain.rows.truth import called_path, is_test, test_of_zero
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.rows.usage import FunctionText


@dataclass(frozen=True, slots=True)
class Look:
    """One look for a value, or (`is_for_some`) for some values, in a function of a module."""

    domain: Domain
    node: tree.Node
    is_for_some: bool

    @property
    def location(self) -> Location:
        """Where it is, for who judges another module."""
        return place_in(self.domain.module, self.node)


class Form(Enum):
    ENTITIES = "entities"
    TUPLES = "tuples of columns"
    VALUES = "the values of one column"


@dataclass(frozen=True, slots=True)
class Root:
    """Where rows come from: a load, or a call that gives what one brought; `columns` are each row's, in order."""

    term: Term
    form: Form
    columns: tuple[str, ...]


Found = list[tuple[Look, str]]
"""Looks, and the column whose values are looked through."""


class LookReader:
    """Judges what a function does with rows, place by place."""

    def __init__(self, domain: Domain, text: FunctionText, root: Root, source: tree.Expr) -> None:
        self.found: Found = []
        self.returned: list[tuple[Form, str]] = []
        self._domain = domain
        self._text = text
        self._parents = text.parents
        self._root = root
        self._source = source
        self._terms = domain.module.executor.terms
        declared = (node.names for node in text.parents if isinstance(node, tree.Global | tree.Nonlocal))
        self._names_of_others = frozenset(name for names in declared for name in names)

    def read(self) -> bool:
        """Whether nothing but looks, tests of truth and `return` is done with the rows, and no look twice."""
        for event in self._text.body.events:
            if event.deed is Deed.CAPTURED and self._form(event.value) is not None:
                return False
        for expr in self._text.expressions:
            term = self._terms.get(expr)
            held = self._form(term) if term is not None else None
            if held is not None and not self._judge(expr, *held):
                return False
        looks = [look.node for look, _ in self.found]
        return not any(self._is_repeated(each) for each in looks) and self._are_of_different_paths(looks)

    # --- terms ---

    def _form(self, term: Term, depth: int = 0) -> tuple[Form, str] | None:
        """What a term is: rows, or the values of a column; None for anything else."""
        root = self._root
        if term is root.term:
            return root.form, root.columns[0] if root.form is Form.VALUES else ""
        if depth > 8:
            return None
        match term:
            case t.Await():
                return self._form(term.value, depth + 1)
            case t.Declared(value=value) if value is not None:
                return self._form(value, depth + 1)
            case t.Join():
                found = (self._form(each, depth + 1) for each in term.terms)
                return next((each for each in found if each is not None), None)
            case t.Call(func=t.Ref(path=path)) if path in SAME_VALUES and len(term.args) == 1:
                return self._form(term.args[0], depth + 1)
            case t.Mapped(kind="list" | "set" | "generator"):
                held = self._form(term.source, depth + 1)
                return self._mapped(term.element, held, depth) if held is not None else None
            case _:
                return None

    def _mapped(self, element: Term, held: tuple[Form, str], depth: int) -> tuple[Form, str] | None:
        """What a comprehension makes of rows, or of values."""
        if isinstance(element, t.Element) and self._form(element.value, depth + 1) == held:
            return held
        columns = self._root.columns
        match element:
            case t.Attr(base=t.Element(value=source), name=name) if name in columns:
                pass
            case t.Item(value=t.Element(value=source), key=t.Const(value=int() as index)) if index < len(columns):
                name = columns[index] if held[0] is Form.TUPLES else ""
            case _:
                return None
        is_of_rows = held[0] is not Form.VALUES and self._form(source, depth + 1) == held
        return (Form.VALUES, name) if name and is_of_rows else None

    # --- places ---

    def _judge(self, expr: tree.Expr, form: Form, name: str) -> bool:
        """Whether one place of the rows is harmless; a look is noted."""
        parent = self._parents.get(expr)
        match parent:
            case tree.Assign() | tree.AnnAssign() | tree.NamedExpr():
                targets = parent.targets if isinstance(parent, tree.Assign) else (parent.target,)
                return self._text.body.is_function and all(
                    isinstance(each, tree.Name) and each.id not in self._names_of_others for each in targets
                )
            case tree.ExprStmt() | tree.Await():
                return True
            case tree.Return():
                self.returned.append((form, name))
                return True
            case tree.CompFor() if expr is parent.iter:
                made = self._parents.get(parent)
                term = self._terms.get(made) if isinstance(made, tree.Comprehension) else None
                is_plain = isinstance(made, tree.Comprehension) and len(made.generators) == 1 and not parent.ifs
                return is_plain and term is not None and self._form(term) is not None
            case tree.Argument():
                call = self._parents.get(parent)
                return isinstance(call, tree.Call) and self._is_harmless(parent, call, form, name)
            case tree.Attribute(attr="issuperset") if isinstance(call := self._parents.get(parent), tree.Call):
                return form is Form.VALUES and len(call.args) == 1 and self._look(call, name, is_for_some=True)
            case tree.Compare():
                return self._is_compared(expr, parent, form, name)
            case tree.Operation(kind="binary:-", operands=(_, right)) if right is expr and form is Form.VALUES:
                return is_test(self._parents, parent) and self._look(parent, name, is_for_some=True)
            case _:
                return is_test(self._parents, expr)

    def _is_harmless(self, argument: tree.Argument, call: tree.Call, form: Form, name: str) -> bool:
        if argument.keyword is not None or argument.star or call.args[0] is not argument:
            return False
        path = called_path(self._domain, call)
        if path == "builtins.len":
            return test_of_zero(self._domain, self._parents, call) is not None
        if path == "builtins.bool" or (path in SAME_VALUES and len(call.args) == 1):
            return True
        match call.func:
            case tree.Attribute(attr="issubset") if form is Form.VALUES and len(call.args) == 1:
                return self._look(call, name, is_for_some=True)
            case tree.Attribute(attr="difference") if form is Form.VALUES and len(call.args) == 1:
                return is_test(self._parents, call) and self._look(call, name, is_for_some=True)
            case _:
                return False

    def _is_compared(self, expr: tree.Expr, compare: tree.Compare, form: Form, name: str) -> bool:
        if len(compare.comparisons) != 1:
            return False
        ((operator, right),) = compare.comparisons
        other = right if expr is compare.left else compare.left
        if operator in {"is", "is not", "==", "!="}:
            is_none = isinstance(other, tree.Constant) and other.value is None
            return is_none or (isinstance(other, tree.Display) and not other.elements)
        if form is not Form.VALUES:
            return False
        if operator in {"in", "not in"} and expr is right:
            return self._look(compare, name)
        if operator == (">=" if expr is compare.left else "<="):
            return self._look(compare, name, is_for_some=True)
        return False

    def _look(self, node: tree.Node, name: str, *, is_for_some: bool = False) -> bool:
        self.found.append((Look(self._domain, node, is_for_some), name))
        return True

    # --- how often ---

    def _around(self, node: tree.Node) -> Iterator[tree.Node]:
        current: tree.Node | None = node
        while current is not None:
            yield current
            current = self._parents.get(current)

    def _is_repeated(self, look: tree.Node) -> bool:
        """Whether a look is taken again and again at what was loaded once."""
        loading = set(self._around(self._source))
        for inner in self._around(look):
            outer = self._parents.get(inner)
            if outer is None or outer in loading:
                return False
            match outer:
                case tree.For():
                    if inner is not outer.iter:
                        return True
                case tree.While() | tree.Comprehension() | tree.Lambda():
                    return True
                case _:
                    pass
        return False

    def _are_of_different_paths(self, looks: list[tree.Node]) -> bool:
        """Whether each look but the last stands in a `return` of its own, so that nobody takes two."""
        leaving = [next((each for each in self._around(look) if isinstance(each, tree.Return)), None) for look in looks]
        return None not in leaving[:-1] and len(set(leaving)) == len(looks)
