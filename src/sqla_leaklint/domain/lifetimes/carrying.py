"""Which terms of a function are a session, and which hold it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.callees import Callees
from sqla_leaklint.domain.lifetimes.doings import TRACED, Carry
from sqla_leaklint.domain.lifetimes.resources import ENGINE
from sqla_leaklint.domain.values import Statement
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.knowledge.sqlalchemy import QUERY
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame


class Carrier:
    """Follows one session through the terms of one function."""

    def __init__(
        self,
        evaluator: Evaluator,
        module: ModuleSummary,
        function: FunctionSummary,
        session_type: str,
        *,
        seed: Term | None = None,
        holder: Term | None = None,
        attributes: frozenset[str] = frozenset(),
        frame: Frame | None = None,
    ) -> None:
        """`seed` is the session; `holder` is an object that leads to it by those attributes ("db" and "repo.db" of
        `self`, in a method); `frame` is where more is known of the function's arguments than by its module.
        """
        self.evaluator = evaluator
        self.module = module
        self.function = function
        self.session_type = session_type
        self.callees = Callees(evaluator, frame or evaluator.frame(module), session_type)
        self.frame = frame or evaluator.frame(module)
        self.attributes = attributes
        self._seed = seed
        self._holder = holder
        self._attributes: dict[Term, frozenset[str]] = {holder: attributes} if holder is not None else {}
        self._carried: dict[Term, Carry] = {}
        self._capturing: set[str] = set()

    def hold(self, holder: Term) -> None:
        """Follow the holder from the term that makes it: its own arguments do not say what it holds."""
        self._carried[holder] = Carry.HOLDS

    # --- which terms are the session ---

    def carry(self, term: Term) -> Carry:
        """Whether a term is the session, or holds it."""
        known = self._carried.get(term)
        if known is None:
            self._carried[term] = Carry.NO
            known = self._carried[term] = self._carry(term)
        return known

    def _carry(self, term: Term) -> Carry:
        if term is self._seed or _same_parameter(term, self._seed):
            return Carry.IS
        if _same_parameter(term, self._holder):
            self._attributes[term] = self._attributes[self._holder] if self._holder is not None else frozenset()
            return Carry.HOLDS
        match term:
            case t.Await() | t.Star():
                return self.carry(term.value)
            case t.Declared(value=value) if value is not None:
                return self.carry(value)
            case t.Enter():
                inner = self.carry(term.value)
                return Carry.IS if inner is Carry.WRAPS else inner
            case t.Join():
                return max((self.carry(each) for each in term.terms), key=lambda carry: carry.value)
            case t.Collection() if _is_text(term):
                return Carry.NO
            case t.Collection():
                return Carry.HOLDS if any(self.carry(each) in TRACED for each in term.elements) else Carry.NO
            case t.Mapped():
                return Carry.HOLDS if self.carry(term.element) in TRACED else Carry.NO
            case t.Item() | t.Element():
                return Carry.IS if self.carry(term.value) in {Carry.HOLDS, Carry.WRAPS} else Carry.NO
            case t.Local():
                owner = self.module.functions.get(term.function)
                value = owner.locals.get(term.name) if owner is not None else None
                return self.carry(value) if value is not None else Carry.NO
            case t.FunctionRef():
                return Carry.HOLDS if term.qualname in self._capturing else Carry.NO
            case t.Attr():
                return self._carried_by_attribute(term)
            case t.Ref(path=path) if isinstance(self._seed, t.Ref) and path == self._seed.path:
                return Carry.IS
            case t.Call() if is_super(term):
                carry = self.carry(term.args[1])
                self._lead(term, self.leading(term.args[1]))
                return carry if carry is Carry.HOLDS else Carry.NO
            case t.Ref() if self.method(term) is not None:
                return Carry.METHOD
            case t.Call():
                return self._carried_by_call(term)
            case _:
                return Carry.NO

    def method(self, function: Term) -> str | None:
        """The name under which a function is a method of the session; a module's own is called by its dotted path."""
        match function:
            case t.Attr(base=base, name=name):
                return name if self.carry(base) is Carry.IS else None
            case t.Ref(path=path) if isinstance(self._seed, t.Ref):
                owner, _, name = path.rpartition(".")
                return name if owner == self._seed.path else None
            case _:
                return None

    def _carried_by_attribute(self, term: t.Attr) -> Carry:
        if term.name == "connection" and self._is_result(term.base):
            return Carry.IS
        base = self.carry(term.base)
        if base is Carry.IS:
            row = self.evaluator.knowledge.method(self.session_type, term.name)
            if row is None or not row.is_attribute:
                return Carry.METHOD if row is not None else Carry.NO
            is_engine = ENGINE.includes(self.evaluator.knowledge, self.session_type)
            return Carry.IS if is_engine and ENGINE.includes(self.evaluator.knowledge, row.returns) else Carry.NO
        if base is Carry.HOLDS:
            leading = self.leading(term.base)
            if term.name in leading:
                return Carry.IS
            prefix = f"{term.name}."
            inner = frozenset(path.removeprefix(prefix) for path in leading if path.startswith(prefix))
            if inner:
                self._lead(term, inner)
                return Carry.HOLDS
            read = self.callees.property(term, leading)
            self._lead(term, read.attributes)
            return read.makes if read.makes in {Carry.IS, Carry.HOLDS} else Carry.METHOD
        return Carry.NO

    def _carried_by_call(self, term: t.Call) -> Carry:
        method = self.method(term.func)
        if method is not None:
            returns = self.evaluator.knowledge.returns(self.session_type, method) or ""
            if returns.removeprefix("await ") == "self":
                return Carry.IS
            if self.begins(term):
                return Carry.TRANSACTION
            return Carry.QUERY if self._is_query(returns) else Carry.NO
        if isinstance(term.func, t.Attr):
            base = self.carry(term.func.base)
            if base is Carry.HOLDS:
                conduct = self.callees.method(term.func, self.leading(term.func.base))
                if conduct.makes is not Carry.NO:
                    self._lead(term, conduct.attributes)
                    return conduct.makes
            if base is Carry.QUERY:
                returns = self.evaluator.knowledge.returns(QUERY, term.func.name) or ""
                if returns == "self" or self._is_query(returns):
                    return Carry.QUERY
                value = self.evaluator.of(term, self.callees.frame)
                return Carry.QUERY if isinstance(value, Statement) else Carry.NO
        best = Carry.NO
        for name, argument in arguments_of(term):
            carry = self.carry(argument)
            leading = self.leading(argument) if carry is Carry.HOLDS else frozenset()
            if carry is Carry.IS or leading:
                conduct = self.callees.conduct(term, name, leading)
                self._lead(term, conduct.attributes)
                best = max(best, conduct.makes, key=lambda each: each.value)
            elif carry in TRACED:
                best = max(best, Carry.HOLDS, key=lambda each: each.value)
        return best

    def _is_result(self, term: Term) -> bool:
        """Whether a term is what the resource's own `execute` returned: that knows the connection that it came from."""
        while isinstance(term, t.Await | t.Declared) and term.value is not None:
            term = term.value
        match term:
            case t.Call(func=t.Attr(base=base, name="execute" | "exec_driver_sql")):
                return self.carry(base) is Carry.IS
            case _:
                return False

    def begins(self, term: Term) -> bool:
        """Whether a term is `begin()`; what `begin_nested()` gives ends only a savepoint."""
        match term:
            case t.Call(func=function):
                return self.method(function) in {"begin", "begin_twophase"}
            case _:
                return False

    def _is_query(self, returns: str) -> bool:
        return bool(returns) and self.evaluator.knowledge.is_a(returns, Kind.LEGACY_QUERY)

    def leading(self, term: Term) -> frozenset[str]:
        """The paths by which what holds the session leads to it; none where that is not known (a list)."""
        if isinstance(term, t.Join):
            return frozenset().union(*(self.leading(each) for each in term.terms))
        return self._attributes.get(self._origin(term), frozenset())

    def _lead(self, term: Term, attributes: frozenset[str]) -> None:
        if attributes:
            self._attributes[term] = self._attributes.get(term, frozenset()) | attributes

    def _origin(self, term: Term) -> Term:
        """The term that a name or `await` stands for."""
        while term not in self._attributes:
            match term:
                case t.Await() | t.Enter():
                    term = term.value
                case t.Declared(value=value) if value is not None:
                    term = value
                case _:
                    break
        return term


def is_super(term: Term) -> bool:
    """Whether a term is `super(…)`, whose arguments the executor writes out."""
    return (
        isinstance(term, t.Call)
        and isinstance(term.func, t.Ref)
        and term.func.path == "builtins.super"
        and len(term.args) == 2
    )


def calls_base(term: Term) -> bool:
    """Whether a term is `super().__init__(…)`."""
    match term:
        case t.Call(func=t.Attr(base=base, name="__init__")):
            return is_super(base)
        case _:
            return False


def _is_text(term: Term) -> bool:
    """Whether a term is what is written of its parts, and keeps none: `f"no answer from {engine}"`, `"%s" % engine`."""
    match term:
        case t.Const(value=str()) | t.Collection(kind="f-string" | "concatenation"):
            return True
        case t.Collection(kind="binary:%", elements=(template, *_)):
            return _is_text(template)
        case _:
            return False


def _same_parameter(term: Term, other: Term | None) -> bool:
    return (
        isinstance(term, t.Param)
        and isinstance(other, t.Param)
        and (term.function, term.name) == (other.function, other.name)
    )


def arguments_of(call: t.Call) -> Iterator[tuple[int | str, Term]]:
    """The arguments of a call by position or name."""
    yield from enumerate(call.args)
    yield from call.keywords
