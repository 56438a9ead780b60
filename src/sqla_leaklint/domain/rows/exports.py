"""Exports: rows of a query that leave the program as a file, a response or a text, after all of them were gathered.

output = io.StringIO()
writer = csv.writer(output)
for event in session.scalars(select(Event)).all():
writer.writerow([event.id, event.text])              # gathered here
return StreamingResponse(iter([output.getvalue()]))      # leaves here
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.rows.gathering import FORMATS, WRITING, Form, Gathering
from sqla_leaklint.domain.rows.growth import grows
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.rows.truth import called_path
from sqla_leaklint.domain.values import ProjectFunction, Rows
from sqla_leaklint.knowledge.facts import Fetch, Kind
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Await, Call, Declared, Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_DUMPING = frozenset({"json.dump", "pickle.dump", "yaml.dump", "yaml.safe_dump", "simplejson.dump"})
_LEAVING = FORMATS | {"join", "getvalue", "read", "dump", "dumps"}
_FILES = frozenset({"write_text", "write_bytes", "writestr"})
_STREAM = frozenset({Form.TEXT, Form.PHRASE, Form.BUFFER, Form.LIST})
_WHOLE = frozenset({Form.TEXT, Form.PHRASE, Form.BUFFER})


class Leaving(Enum):
    """How an export leaves."""

    RESPONSE = "response"
    FILE = "file"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, eq=False)
class BufferedExport:
    """Rows that are all gathered before the first leaves: `node` is where they do, `gathering` what held them."""

    load: Load
    gathering: Gathering
    leaving: Leaving
    node: tree.Node
    form: Form

    @property
    def model(self) -> Model:
        model = self.load.model
        assert model is not None
        return model

    @property
    def places(self) -> dict[str, tree.Node]:
        """What gathers the rows, by name, with the node that adds to it, in the order of the text."""
        return self.gathering.nodes

    @staticmethod
    def find(domain: Domain) -> Iterator[BufferedExport]:
        """The buffered exports of a module, in the order of its loads."""
        bodies = [body for body in domain.bodies if body.is_function and _may_leave(body)]
        for load in (*domain.subjects(Load), *(each for body in bodies for each in _given(domain, body))):
            if load.body not in bodies or load.rows.consumer.fetch is not Fetch.ALL_ROWS or load.is_one_row:
                continue
            model = load.model
            if model is None or model.is_lookup or not grows(load):
                continue
            gathering = Gathering(load)
            found = next(_leavings(gathering), None)
            if found is not None:
                yield found


def _given(domain: Domain, body: Body) -> Iterator[Load]:
    """The rows that a body is given by other functions of the project, and loops over."""
    seen: set[Term] = set()
    for event in body.events:
        if event.deed is not Deed.ITERATED:
            continue
        term = event.value
        while isinstance(term, Await | Declared) and term.value is not None:
            term = term.value
        if not isinstance(term, Call) or term in seen or not isinstance(domain.value_of(term.func), ProjectFunction):
            continue
        seen.add(term)
        rows = unwrapped(domain.value_of(term))
        node = next((node for node, site in domain.module.executor.sites.items() if site == term.site), None)
        if isinstance(rows, Rows) and node is not None:
            yield Load(domain, body, node, term, rows)


def _may_leave(body: Body) -> bool:
    """Whether a body does anything of what makes an export: a look at names, before anything is asked."""
    return any(
        event.deed is Deed.AUGMENTED
        or (event.deed is Deed.CALLED and method_name(event.call.func) in _LEAVING | WRITING | _FILES)
        for event in body.events
    )


def _leavings(gathering: Gathering) -> Iterator[BufferedExport]:
    load = gathering.load
    for expr in gathering.text.expressions:
        if isinstance(expr, tree.Call):
            found = _left_by(gathering, expr)
            if found is not None:
                yield BufferedExport(load, gathering, found[0], expr, found[1])
    for node in gathering.text.parents:
        if isinstance(node, tree.Return | tree.Yield) and node.value is not None:
            form = gathering.form(node.value)
            if form in {Form.TEXT, Form.BUFFER}:
                yield BufferedExport(load, gathering, Leaving.RETURNED, node, form)


def _left_by(gathering: Gathering, call: tree.Call) -> tuple[Leaving, Form] | None:
    """How a call lets all rows leave at once, and what they were made into."""
    forms = [gathering.form(each.value) for each in call.args]
    first = forms[0] if forms else None
    if isinstance(call.func, tree.Attribute):
        base, attr = call.func.value, call.func.attr
        if attr in WRITING and not gathering.is_in_memory(base):
            is_all = first in _WHOLE if attr in {"write", "writerow"} else first is Form.LIST
            return (Leaving.FILE, first) if is_all and first is not None else None
        if attr in _FILES:
            return next(((Leaving.FILE, form) for form in forms if form in _WHOLE and form is not None), None)
        if attr in FORMATS and gathering.form(base) is Form.FRAME and call.args:
            target = call.args[0]
            is_path = target.keyword in {None, "path_or_buf", "path", "excel_writer", "buf"}
            if is_path and not gathering.is_in_memory(target.value):
                return Leaving.FILE, Form.FRAME
        if attr == "dump" and first is not None and len(call.args) > 1:
            is_list = first in {Form.LIST, Form.ROWS}
            if is_list and called_path(gathering.domain, call) in _DUMPING:
                return None if gathering.is_in_memory(call.args[1].value) else (Leaving.FILE, first)
    if not any(form in _STREAM for form in forms):
        return None
    if not gathering.is_a(call, Kind.RESPONSE, Kind.STREAMING_RESPONSE):
        return None
    allowed = _STREAM if gathering.is_a(call, Kind.STREAMING_RESPONSE) else _WHOLE
    return next(((Leaving.RESPONSE, form) for form in forms if form in allowed and form is not None), None)
