"""Loads: the places where rows are brought to Python, with the statement that brings them and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.linking import statements
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.rows.bounds import Bound, bound
from sqla_leaklint.domain.rows.clauses import only_entity, selected
from sqla_leaklint.domain.rows.usage import FunctionText, Usage
from sqla_leaklint.domain.values import Awaitable, Rows, Statement, StepTaken, Value
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.facts import Fetch, Kind, Role, Shape
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_BRINGS = frozenset({Fetch.ALL_ROWS, Fetch.SOME_ROWS, Fetch.FIRST, Fetch.ONE, Fetch.SCALAR, Fetch.STREAMED})
_GOES_ON = frozenset({"fetchone", "__next__", "__anext__"})
"""One row now, and perhaps the next one later."""

PAGE_PARAMETERS = frozenset(
    {"skip", "limit", "offset", "page", "page_size", "per_page", "pagesize", "page_num", "page_number"}
)
"""What functions call the parameters by which their caller asks for a part of the rows."""

_LISTED_BY = frozenset({"builtins.list", "builtins.sorted", "builtins.set", "builtins.tuple", "builtins.frozenset"})


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """Rows that arrive in Python: `node` is the call that brings them or, for a loop over a result, what is looped
    over.
    """

    domain: Domain
    body: Body
    node: tree.Expr
    term: Term
    rows: Rows

    @property
    def statement(self) -> Statement | None:
        return self.rows.statement

    @property
    def bound(self) -> Bound:
        """What keeps the number of rows small."""
        return bound(self.domain.evaluator, self.rows)

    @property
    def is_one_row(self) -> bool:
        return self.rows.consumer.shape in {Shape.ROW, Shape.OPTIONAL_ROW, Shape.VALUE}

    @property
    def wanted(self) -> int | None:
        """The rows at which the consumer looks, when it is done after one or two whatever the statement brings."""
        consumer = self.rows.consumer
        if consumer.is_bounded or consumer.name in _GOES_ON:
            return None
        if consumer.fetch is Fetch.ONE or (consumer.fetch is Fetch.SCALAR and self.is_legacy):
            return 2  # the second row is the error
        return 1 if consumer.fetch in {Fetch.FIRST, Fetch.SCALAR} else None

    @property
    def is_everything(self) -> bool:
        """Whether all rows are in memory at once: in a list, or in the result that is looped over without batches."""
        return self.rows.consumer.fetch is Fetch.ALL_ROWS and not self.is_streamed

    @property
    def is_streamed(self) -> bool:
        """Whether the rows come in batches, or are meant to (`yield_per`, execution options that are not known)."""
        steps = (*self.rows.steps, *(self.statement.steps if self.statement is not None else ()))
        return any(step.role is Role.STREAMS and _streams(step) for step in steps)

    @property
    def is_of_stream(self) -> bool:
        """Whether the rows are taken from what `AsyncSession.stream` gave."""
        knowledge = self.domain.evaluator.knowledge
        return knowledge.consumer(self.rows.consumer.owner, "__aiter__") is not None

    @property
    def is_legacy(self) -> bool:
        return self.statement is not None and self.domain.evaluator.knowledge.is_a(
            self.statement.type, Kind.LEGACY_QUERY
        )

    @property
    def entity(self) -> Model | None:
        """The model whose entities the statement brings, if these are all that it brings."""
        cls = only_entity(self.statement) if self.statement is not None else None
        return models_of(self.domain.evaluator).of(cls) if cls is not None else None

    @property
    def model(self) -> Model | None:
        """The first model of which the statement asks for entities or columns."""
        models = models_of(self.domain.evaluator)
        found = (models.of(cls) for cls in selected(self.statement)) if self.statement is not None else iter(())
        return next((each for each in found if each is not None), None)

    @property
    def usage(self) -> Usage:
        """What becomes of the rows in the function that loads them."""
        return function_text(self.domain, self.body).usage(self.term, is_row=self.is_one_row)

    def has_step(self, *roles: Role) -> bool:
        return self.statement is not None and any(step.role in roles for step in self.statement.steps)

    @property
    def is_async(self) -> bool:
        """Whether the rows were awaited, or will be."""
        if self.rows.consumer.is_async or isinstance(self.domain.value_of(self.term), Awaitable):
            return True
        return any(isinstance(part, t.Await) for part in _towards_root(self.term))

    @property
    def root(self) -> tree.Call | None:
        """The call that begins the statement, `select(…)` or `session.query(…)`, when it is one, and in this module."""
        begins = {part.site for part in _towards_root(self.term) if isinstance(part, t.Call) and self._begins(part)}
        return self._call_at(begins.pop()) if len(begins) == 1 else None

    @property
    def own_root(self) -> tree.Call | None:
        """The same, when it asks for one thing by its name, and no other load begins there."""
        root = self.root
        if root is None or len(root.args) != 1 or not isinstance(root.args[0].value, tree.Name | tree.Attribute):
            return None
        return None if any(other.root is root for other in self.domain.subjects(Load) if other is not self) else root

    @property
    def calls(self) -> Iterator[tree.Call]:
        """The calls of this module through which the statement goes, from the load back to where it begins."""
        sites = {part.site for part in _towards_root(self.term) if isinstance(part, t.Call)}
        return (node for node, site in self.domain.module.executor.sites.items() if site in sites)

    @property
    def executed(self) -> tree.Expr | None:
        """The statement as it is given to the session: what a step can be appended to."""
        for part in _towards_root(self.term):
            if (
                isinstance(part, t.Call)
                and part.args
                and isinstance(unwrapped(self.domain.value_of(part.args[0])), Statement)
            ):
                call = self._call_at(part.site)
                return call.args[0].value if call is not None else None
        return None

    @property
    def unused_page(self) -> tuple[str, ...]:
        """The parameters by which the function promises pages, when it reads none of them."""
        if not isinstance(self.body.node, tree.Function):
            return ()
        names = tuple(parameter.name for parameter in self.body.node.params if parameter.name in PAGE_PARAMETERS)
        read = {expr.id for expr in function_text(self.domain, self.body).expressions if isinstance(expr, tree.Name)}
        return () if read.intersection(names) or read & {"locals", "vars"} else names

    def _begins(self, call: t.Call) -> bool:
        value = self.domain.value_of(call)
        return isinstance(value, Statement) and not value.steps and bool(call.args)

    def _call_at(self, site: int) -> tree.Call | None:
        sites = self.domain.module.executor.sites
        return next((node for node, ordinal in sites.items() if ordinal == site), None)

    @property
    def is_judged_where_called(self) -> bool:
        """Whether the calls of the function that this load stands in are loads themselves, by its name."""
        return self.body.qualname.rpartition(".")[2] in _names(self.domain.evaluator.knowledge).consumers

    @staticmethod
    def find(domain: Domain) -> Iterator[Load]:
        """Every load of a module whose receiver is known, in the order of the text of each body."""
        for body in domain.bodies:
            yield from Load.within(domain, body)

    @staticmethod
    def within(domain: Domain, body: Body) -> Iterator[Load]:
        """The loads of one body."""
        names = _names(domain.evaluator.knowledge)
        for event in body.events:
            if event.deed is Deed.CALLED:
                yield from _called(domain, body, event, names)
            elif event.deed is Deed.ITERATED and _may_give_rows(event.value, names):
                rows = statements.looped(domain.evaluator, unwrapped(domain.value_of(event.value)))
                if rows is not None:
                    assert isinstance(event.node, tree.For | tree.CompFor)
                    yield Load(domain, body, event.node.iter, event.value, rows)


@dataclass(frozen=True, slots=True)
class _Names:
    """The names of methods that bring rows, and of those that make what can be looped over."""

    consumers: frozenset[str]
    makers: frozenset[str]


@lru_cache(maxsize=8)
def _names(knowledge: Knowledge) -> _Names:
    consumers = {row.name for table in knowledge.tables for row in table.consumers if row.fetch in _BRINGS}
    makers = {row.name for table in knowledge.tables for row in table.steps}
    makers |= {
        row.name
        for table in knowledge.tables
        for row in table.methods
        if row.returns.endswith(("Result", "result", "Query"))
    }
    return _Names(frozenset(consumers - {"get"}), frozenset(makers))


def _called(domain: Domain, body: Body, event: Event, names: _Names) -> Iterator[Load]:
    call = event.call
    assert isinstance(event.node, tree.Call)
    if method_name(call.func) in names.consumers:
        value: Value | None = unwrapped(domain.value_of(call))
    elif (
        isinstance(call.func, t.Ref)
        and call.func.path in _LISTED_BY
        and call.args
        and _may_give_rows(call.args[0], names)
    ):
        given = unwrapped(domain.value_of(call.args[0]))
        value = statements.listed(domain.evaluator, given) if not isinstance(given, Rows) else None
    else:
        return
    if isinstance(value, Rows):
        yield Load(domain, body, event.node, call, value)


def _may_give_rows(term: Term, names: _Names) -> bool:
    match term:
        case t.Await():
            return _may_give_rows(term.value, names)
        case t.Join():
            return any(_may_give_rows(each, names) for each in term.terms)
        case t.Call():
            return method_name(term.func) in names.makers or isinstance(term.func, t.Attr)
        case t.Attr() | t.Ref():
            return method_name(term) == "query"
        case _:
            return False


def _streams(step: StepTaken) -> bool:
    if step.name == "yield_per":
        return True
    keys = {name for name, _ in step.keywords}
    return not keys or bool(keys & {"yield_per", "execution_options"}) or "stream_results" in keys


def _towards_root(term: Term) -> Iterator[Term]:
    """What a load's statement goes through, from the load back to where it begins."""
    pending: list[Term] = [term]
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        match part:
            case t.Await() | t.Element() | t.Enter() | t.Item():
                pending.append(part.value)
            case t.Declared() if part.value is not None:
                pending.append(part.value)
            case t.Join():
                pending.extend(part.terms)
            case t.Attr():
                pending.append(part.base)
            case t.Call():
                pending.extend(part.args[:1])
                pending.append(part.func)
            case _:
                pass


_TEXTS: Memo[Domain, dict[Body, FunctionText]] = Memo(lambda _: {})


def function_text(domain: Domain, body: Body) -> FunctionText:
    """The text of a body, looked through once."""
    texts = _TEXTS.of(domain)
    if body not in texts:
        texts[body] = FunctionText(domain, body)
    return texts[body]
