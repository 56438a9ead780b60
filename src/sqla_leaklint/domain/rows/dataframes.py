"""DataFrames that pandas makes of a query: `read_sql`, `read_sql_query`, `read_sql_table`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.rows.bounds import Bound, statement_bound
from sqla_leaklint.domain.rows.clauses import selected
from sqla_leaklint.domain.values import Literal, Statement, Value
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_READING = "read_sql"
_BOUNDING = re.compile(
    r"\b(?:where|limit|top|fetch\s+(?:first|next)|rownum|group\s+by|distinct|count|sum|avg|min|max)\b"
    r"|\binformation_schema\b|\bpg_\w+",
    re.IGNORECASE,
)
_FROM_ONE_TABLE = re.compile(r"\s*select\b.*\bfrom\s+([\w.\"`\[\]]+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class DataframeRead:
    """A DataFrame that is read by SQL: `node` is the call, `bound` what keeps its rows few.

    `table` is the name of the table, `model` its mapped class, where either is known; `is_chunked`: it comes in parts,
    or may.
    """

    domain: Domain
    body: Body
    node: tree.Call
    bound: Bound
    is_chunked: bool
    table: str = ""
    model: Model | None = None

    @staticmethod
    def find(domain: Domain) -> Iterator[DataframeRead]:
        """Every call of the module that reads a DataFrame by SQL, in the order of the text."""
        if _READING not in domain.module.parsed.source.text:
            return
        for body in domain.bodies:
            for event in body.events:
                if event.deed is Deed.CALLED and isinstance(event.node, tree.Call):
                    name = _reader(domain, event.call)
                    if name is not None:
                        yield _read(domain, body, event.node, event.call, name)


def _reader(domain: Domain, call: t.Call) -> str | None:
    """The name of the function of pandas that a call calls."""
    if not isinstance(call.func, t.Ref) or _READING not in call.func.path:
        return None
    knowledge = domain.evaluator.knowledge
    path = knowledge.canonical(call.func.path)
    function = knowledge.function(path) if path is not None else None
    if path is None or function is None or not knowledge.is_a(function.returns, Kind.DATAFRAME):
        return None
    return path.rpartition(".")[2]


def _read(domain: Domain, body: Body, node: tree.Call, call: t.Call, name: str) -> DataframeRead:
    chunk = call.keyword("chunksize")
    is_chunked = any(argument.star for argument in node.args) or (
        chunk is not None and not (isinstance(chunk, t.Const) and chunk.value is None)
    )
    given = call.args[0] if call.args else call.keyword("table_name" if name == "read_sql_table" else "sql")
    value = _sql(domain, given) if given is not None else None
    if isinstance(value, Statement):
        bound = statement_bound(domain.evaluator, value)
        found = (models_of(domain.evaluator).of(cls) for cls in selected(value))
        model = next((each for each in found if each is not None), None)
        return DataframeRead(domain, body, node, bound, is_chunked, model.table if model is not None else "", model)
    text = _text(value)
    if text is None:
        return DataframeRead(domain, body, node, Bound.UNKNOWN, is_chunked)
    if name == "read_sql_table" or (name == "read_sql" and re.fullmatch(r"\w+", text)):
        return DataframeRead(domain, body, node, Bound.NONE, is_chunked, text)
    table = _FROM_ONE_TABLE.match(text)
    bound = Bound.UNKNOWN if table is None or _BOUNDING.search(text) else Bound.NONE
    return DataframeRead(domain, body, node, bound, is_chunked, table[1].strip('"`[]') if table is not None else "")


def _sql(domain: Domain, given: t.Term) -> Value:
    """The statement or text that a function of pandas is given; `text("…")` is its text, `query.statement` its
    query.
    """
    if isinstance(given, t.Attr) and given.name == "statement":
        given = given.base
    elif isinstance(given, t.Call) and given.args and _is_text(domain, given.func):
        given = given.args[0]
    return unwrapped(domain.value_of(given))


def _is_text(domain: Domain, function: t.Term) -> bool:
    return isinstance(function, t.Ref) and domain.evaluator.knowledge.canonical(function.path) == "sqlalchemy.text"


def _text(value: Value | None) -> str | None:
    """The SQL that a value is, when it is written out."""
    return value.value if isinstance(value, Literal) and isinstance(value.value, str) else None
