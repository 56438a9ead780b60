"""What is asked of rows as a whole: how many there are, whether there are any, or which are the first.

Rows may go by several names and through `list(…)`; as soon as anything else is done with them (a loop, a return, an
argument), nothing is said.

    rows = query.all()
    if not rows: return None        # whether there are any
    return rows[0]                  # the first one: `FIRST`, of one row

    print(len(query.all()))         # `COUNT`
    if len(query.all()) > 0: …      # `EXISTENCE`
    sum(1 for _ in query)           # `COUNT`
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.rows.arms import combination_of
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.clauses import is_select
from sqla_leaklint.domain.rows.holders import UNCHANGED, is_same
from sqla_leaklint.domain.rows.matching import Matching, matching
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.rows.repetition import repeats_entities
from sqla_leaklint.domain.rows.truth import called_path, is_test, test_of_zero
from sqla_leaklint.knowledge.facts import Fetch, Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import slice_bounds

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.rows.usage import FunctionText


class Question(Enum):
    COUNT = "how many"
    EXISTENCE = "whether any"
    FIRST = "which is first"


@dataclass(frozen=True, slots=True)
class Answer:
    """One place where the rows are asked: `node` is the expression that answers, `holder` the rows in it.

    `rows` is the number of rows that it takes to answer: a number, an expression (`rows[:limit]`), or None for all.
    """

    question: Question
    node: tree.Node
    holder: tree.Expr
    rows: int | tree.Expr | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """Rows that are loaded only to be asked: all the places where they are, and the hardest of the questions."""

    load: Load
    question: Question
    answers: tuple[Answer, ...]

    @property
    def rows(self) -> int | tree.Expr | None:
        """The rows that it takes to answer; None where all have to be looked at, or more than one number is asked."""
        asked = [answer.rows for answer in self.answers]
        numbers = [each for each in asked if isinstance(each, int)]
        if len(numbers) == len(asked):
            return max(numbers)
        return asked[0] if len(asked) == 1 else None

    @property
    def is_inline(self) -> bool:
        """Whether the rows are asked where they are loaded, and have no name."""
        return len(self.answers) == 1 and self.answers[0].holder is self.load.node

    @property
    def repeats_entities(self) -> bool:
        """Whether the statement brings entities more than once, of which Python keeps one."""
        return repeats_entities(self.load)

    @property
    def described_rows(self) -> str:
        """The rows, as the subject of a message."""
        load, model = self.load, self.load.model
        if load.bound is Bound.NONE and not load.has_step(Role.JOINS) and model is not None:
            return f"every row of `{model.table or model.name}`"
        return f"every `{load.entity.name}` that matches" if load.entity is not None else "every row that matches"

    @staticmethod
    def find(domain: Domain) -> Iterator[Asking]:
        """Every load of a module of which nothing but such questions is asked."""
        for load in domain.subjects(Load):
            if load.rows.consumer.fetch is not Fetch.ALL_ROWS or load.is_streamed or load.is_of_stream:
                continue
            if load.rows.consumer.name == "list" and not _keeps_all(load.term):
                continue
            answers = _answers(load)
            if answers and can_be_narrowed(load):
                question = _hardest(answers)
                if question is not None:
                    yield Asking(load, question, tuple(answers))


def _keeps_all(term: t.Term) -> bool:
    """Whether `list(…)` and not `set(…)` or `sorted(…)`, whose number or order is another."""
    return isinstance(term, t.Call) and isinstance(term.func, t.Ref) and term.func.path in UNCHANGED


def can_be_narrowed(load: Load) -> bool:
    """Whether a statement brings what it does for the sake of these rows, and no LIMIT or key keeps them few."""
    statement = load.statement
    if statement is None or not statement.is_whole or load.bound in {Bound.LIMITED, Bound.KEYED}:
        return False
    if matching(load.domain.evaluator, statement) is Matching.ONE:
        return False
    if not load.is_legacy and not is_select(statement) and combination_of(statement) is None:
        return False  # text, writes with RETURNING
    unfit = {None, Role.LOCKS, Role.RETURNING, Role.WRITES}
    return not any(step.role in unfit or step.name == "from_statement" for step in statement.steps)


def _hardest(answers: list[Answer]) -> Question | None:
    asked = {answer.question for answer in answers}
    if asked >= {Question.COUNT, Question.FIRST}:
        return None  # whether it is the only one: that takes both
    return next((question for question in (Question.COUNT, Question.FIRST) if question in asked), Question.EXISTENCE)


def _answers(load: Load) -> list[Answer]:
    """The answers that rows give; none when anything else is done with them."""
    text = function_text(load.domain, load.body)
    reader = _Reader(load, text)
    found: list[Answer] = []
    for expr in text.expressions:
        if reader.holds(expr):
            answer = reader.answer(expr)
            if answer is _OTHER:
                return []
            if isinstance(answer, Answer):
                found.append(answer)
    for event in load.body.events:
        if event.deed is Deed.CAPTURED and reader.is_of(event.value):
            return []
    return found


_OTHER = object()
"""Something else is done with the rows."""


class _Reader:
    """Judges one place of the rows by the expression around it."""

    def __init__(self, load: Load, text: FunctionText) -> None:
        self._load = load
        self._parents = text.parents
        self._terms = load.domain.module.executor.terms
        self._body = text.body
        declared = (node.names for node in text.parents if isinstance(node, tree.Global | tree.Nonlocal))
        self._names_of_others = frozenset(name for names in declared for name in names)

    def holds(self, expr: tree.Expr) -> bool:
        term = self._terms.get(expr)
        return term is not None and self.is_of(term)

    def is_of(self, term: t.Term) -> bool:
        return is_same(self._load.term, term)

    def answer(self, expr: tree.Expr) -> Answer | object | None:
        """What one place asks; None where the rows are only named, `_OTHER` for anything that is not understood."""
        parent = self._parents.get(expr)
        match parent:
            case tree.Assign() | tree.AnnAssign() | tree.NamedExpr():
                return self._bound(parent)
            case tree.ExprStmt() | tree.Await():
                return None
            case tree.Argument():
                call = self._parents.get(parent)
                return self._argument(expr, parent, call) if isinstance(call, tree.Call) else _OTHER
            case tree.Compare():
                return self._compared(expr, parent)
            case tree.Subscript() if expr is parent.value:
                return self._item(expr, parent)
            case tree.CompFor() if expr is parent.iter:
                return self._counted(expr, parent)
            case _:
                return Answer(Question.EXISTENCE, expr, expr, 1) if is_test(self._parents, expr) else _OTHER

    def _bound(self, stmt: tree.Assign | tree.AnnAssign | tree.NamedExpr) -> object | None:
        targets = stmt.targets if isinstance(stmt, tree.Assign) else (stmt.target,)
        is_plain = all(isinstance(each, tree.Name) and each.id not in self._names_of_others for each in targets)
        return None if is_plain and self._body.is_function else _OTHER

    def _argument(self, expr: tree.Expr, argument: tree.Argument, call: tree.Call) -> Answer | object | None:
        path = called_path(self._load.domain, call)
        if argument.keyword is not None or argument.star or call.args[0] is not argument:
            return _OTHER
        if path in UNCHANGED and len(call.args) == 1:
            return None
        if path == "builtins.next":
            return Answer(Question.FIRST, call, expr, 1)
        if path == "builtins.bool":
            return Answer(Question.EXISTENCE, call, expr, 1)
        if path == "builtins.len":
            tested = test_of_zero(self._load.domain, self._parents, call)
            return Answer(Question.COUNT, call, expr) if tested is None else Answer(Question.EXISTENCE, tested, expr, 1)
        return _OTHER

    def _compared(self, expr: tree.Expr, compare: tree.Compare) -> Answer | object | None:
        others = [other for _, other in compare.comparisons] if expr is compare.left else [compare.left]
        if all(isinstance(other, tree.Constant) and other.value is None for other in others):
            return None  # a list never is; the other half of the test asks
        is_empty = all(isinstance(other, tree.Display) and not other.elements for other in others)
        is_equality = all(operator in {"==", "!="} for operator, _ in compare.comparisons)
        return Answer(Question.EXISTENCE, compare, expr, 1) if is_empty and is_equality else _OTHER

    def _item(self, expr: tree.Expr, subscript: tree.Subscript) -> Answer | object:
        (index,) = subscript.index if len(subscript.index) == 1 else (None,)
        match index:
            case tree.Constant(value=int() as number) if not isinstance(number, bool):
                return Answer(Question.FIRST, subscript, expr, number + 1)
            case tree.Operation(kind="slice"):
                lower, upper, step = slice_bounds(index)
                if upper is None or step is not None:
                    return _OTHER
                if isinstance(upper, tree.Constant) and isinstance(upper.value, int):
                    return Answer(Question.FIRST, subscript, expr, upper.value)
                is_name = isinstance(upper, tree.Name | tree.Attribute) and lower is None
                return Answer(Question.FIRST, subscript, expr, upper) if is_name else _OTHER
            case _:
                return _OTHER

    def _counted(self, expr: tree.Expr, loop: tree.CompFor) -> Answer | object:
        """`sum(1 for _ in rows)`."""
        comprehension = self._parents.get(loop)
        argument = self._parents.get(comprehension) if comprehension is not None else None
        call = self._parents.get(argument) if argument is not None else None
        if not isinstance(comprehension, tree.Comprehension) or not isinstance(call, tree.Call) or loop.ifs:
            return _OTHER
        is_sum = called_path(self._load.domain, call) == "builtins.sum" and len(call.args) == 1
        ones = comprehension.elements
        is_one = len(ones) == 1 and isinstance(ones[0], tree.Constant) and ones[0].value == 1
        if not is_sum or not is_one or len(comprehension.generators) != 1:
            return _OTHER
        return Answer(Question.COUNT, call, expr)
