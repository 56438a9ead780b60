"""What is made of all rows of a load before any of it leaves: a list, a text, a buffer, a table; within one function.

Rows are gathered in *places*: a local name, or an item of one (`data["rows"]`).  A place gathers when a loop over the
rows adds to it and does not empty it, or when it is made of what was gathered before:

    rows = session.scalars(select(Event)).all()      # ROWS
    lines = []
    for row in rows:
        lines.append(row.text)                       # `lines` gathers: LIST
    text = os.linesep.join(lines)                    # `text`: TEXT
    file = io.BytesIO(text.encode())                 # `file`: BUFFER

Places go by their names, not by the flow: a name that means two things is taken for both.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.rows.holders import Holders
from sqla_leaklint.domain.rows.local_places import bindings, is_emptied, is_number, mentions, place_of
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.rows.truth import called_path
from sqla_leaklint.domain.values import alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.scope import names_in
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Form(Enum):
    """What rows were made into."""

    ROWS = "the rows"
    PARTS = "a generator"
    LIST = "a list"
    PHRASE = "a phrase"
    """A text that is not made of lines."""
    TEXT = "a string"
    FRAME = "a DataFrame"
    BUFFER = "a buffer"


_MANY = frozenset({Form.ROWS, Form.LIST, Form.PARTS})
_TEXTS = frozenset({Form.TEXT, Form.PHRASE})
_ADDING = frozenset({"append", "extend", "add", "insert", "appendleft"})
WRITING = frozenset({"write", "writelines", "writerow", "writerows"})
_SAME_TEXT = frozenset({"encode", "decode", "strip", "lstrip", "rstrip", "replace", "format", "upper", "lower"})
_WHOLE = frozenset({"getvalue", "read", "getbuffer"})
_SAME_FRAME = frozenset(
    [
        *("rename", "sort_values", "fillna", "astype", "reset_index", "set_index"),
        *("drop", "copy", "replace", "assign", "round", "map"),
    ]
)
FORMATS = frozenset(f"to_{name}" for name in ("csv", "excel", "json", "parquet", "feather", "html", "string", "pickle"))
"""Methods of a DataFrame that write it to a file, or give the text of one."""
_LISTED = frozenset(f"builtins.{name}" for name in ("list", "tuple", "sorted", "set", "reversed", "iter", "enumerate"))
_LAZY = frozenset({"builtins.map", "builtins.filter", "builtins.zip"})
_DUMPING = frozenset(f"{module}.dumps" for module in ("json", "orjson", "ujson", "simplejson", "yaml"))
FRAMES = frozenset({"pandas.DataFrame", "pandas.DataFrame.from_records", "pandas.DataFrame.from_dict"})
EXCEL = frozenset({"pandas.ExcelWriter"})


class Gathering:
    """The places of a function in which the rows of a load are gathered, and what each expression is made into."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.domain: Domain = load.domain
        self.text = function_text(load.domain, load.body)
        self.places: dict[str, Form] = {}
        self.nodes: dict[str, tree.Node] = {}
        """Where each place gets what it gathers."""
        self._holders = Holders(load.term, is_row=False)
        self._terms = load.domain.module.executor.terms
        self._made = bindings(self.text)
        nodes = list(self.text.parents)
        self._loops = [node for node in nodes if isinstance(node, tree.For)]
        self._bound = [node for node in nodes if isinstance(node, tree.Assign | tree.AnnAssign)]
        self._calls = [expr for expr in self.text.expressions if isinstance(expr, tree.Call)]
        while self._pass():
            pass

    # --- expressions ---

    def form(self, expr: tree.Expr | None) -> Form | None:
        """What of the rows an expression is; None for anything that is not made of all of them."""
        if expr is None:
            return None
        term = self._terms.get(expr)
        if term is not None and self._holders.is_row(term) is False:
            return Form.ROWS
        place = place_of(expr)
        if place is not None:
            is_part = any(each.startswith(f"{place}[") for each in self.places)
            return self.places.get(place, Form.LIST if is_part else None)
        match expr:
            case tree.Await() | tree.NamedExpr():
                return self.form(expr.value)
            case tree.Call():
                return self._called(expr)
            case tree.Comprehension(kind=kind, generators=generators) if kind != "dict":
                is_many = self.form(generators[0].iter) in _MANY
                return (Form.PARTS if kind == "generator" else Form.LIST) if is_many else None
            case tree.Display():
                return self._displayed(expr)
            case tree.DictDisplay():
                return Form.LIST if any(self.form(value) in _MANY for _, value in expr.items) else None
            case tree.Conditional():
                return self.form(expr.body) or self.form(expr.orelse)
            case tree.BoolOp():
                return self.form(expr.left) or self.form(expr.right)
            case tree.Operation() if expr.kind.startswith(("binary:", "f-string", "concatenation")):
                return next((each for each in map(self.form, expr.operands) if each is not None), None)
            case _:
                return None

    def _displayed(self, display: tree.Display) -> Form | None:
        for element in display.elements:
            if isinstance(element, tree.Starred):
                return Form.LIST if self.form(element.value) in _MANY else None
        return self.form(display.elements[0]) if len(display.elements) == 1 else None

    def _called(self, call: tree.Call) -> Form | None:
        first = self.form(call.args[0].value) if call.args else None
        path = called_path(self.domain, call)
        if path in _LISTED:
            return Form.LIST if first in _MANY else first
        if path in _LAZY:
            return Form.PARTS if any(self.form(each.value) in _MANY for each in call.args) else None
        if path in {"builtins.str", "builtins.bytes"}:
            return first if first in _TEXTS else None
        if path in _DUMPING:
            return Form.TEXT if first in _MANY else None
        if path in FRAMES:
            return Form.FRAME if first in _MANY else None
        if first in _TEXTS and self.is_a(call, Kind.BUFFER):
            return Form.BUFFER
        return self._method(call, call.func, first) if isinstance(call.func, tree.Attribute) else None

    def _method(self, call: tree.Call, method: tree.Attribute, first: Form | None) -> Form | None:
        if method.attr == "join" and len(call.args) == 1 and first in _MANY:
            separator = self.domain.term(method.value)
            is_lines = isinstance(separator, t.Const) and "\n" in str(separator.value)
            return Form.TEXT if is_lines else Form.PHRASE
        whole = self.form(method.value)
        if whole in _TEXTS and method.attr in _SAME_TEXT:
            return whole
        if whole is Form.BUFFER and method.attr in _WHOLE:
            return Form.TEXT
        if whole is Form.FRAME:
            if method.attr in FORMATS:
                return Form.TEXT
            if method.attr in {"to_dict", "to_records"}:
                return Form.LIST
            return Form.FRAME if method.attr in _SAME_FRAME else None
        return None

    def is_a(self, expr: tree.Expr, *kinds: Kind) -> bool:
        """Whether an expression is an instance of a library's class of such a kind."""
        values = alternatives(self.domain.value(expr))
        return any(self.domain.evaluator.classes.is_a(value, *kinds) for value in values)

    def is_in_memory(self, target: tree.Expr) -> bool:
        """Whether what is written to is a buffer, or a writer to one."""
        return self._buffer(target) is not None

    # --- places ---

    def _pass(self) -> bool:
        """Look through the function once; whether anything new was found."""
        before = len(self.places)
        for stmt in self._bound:
            form = self.form(stmt.value)
            if form is not None and form is not Form.ROWS:
                for target in stmt.targets if isinstance(stmt, tree.Assign) else (stmt.target,):
                    self._gather(place_of(target), form, stmt)
        for loop in self._loops:
            if self.form(loop.iter) in _MANY:
                self._added_in(loop)
        for call in self._calls:
            self._written_at_once(call)
        return len(self.places) > before

    def _gather(self, place: str | None, form: Form, node: tree.Node) -> None:
        if place is not None and place not in self.places:
            self.places[place] = form
            self.nodes[place] = node

    def _added_in(self, loop: tree.For) -> None:
        """What the body of a loop over all rows adds to places that were made before it, and does not empty."""
        nodes = [node for stmt in loop.body for node in walk(stmt)]
        if any(isinstance(node, tree.Yield) for node in nodes):
            return
        of_row = {node.id for node in walk(loop.target) if isinstance(node, tree.Name)} | names_in(loop.body).bound
        for node in nodes:
            match node:
                case tree.AugAssign(target=target, operator="+=", value=value) if mentions(value, of_row):
                    place = place_of(target)
                    made = self._made.get(place) if place is not None else None
                    if made is not None and not is_emptied(place, nodes):
                        is_text = isinstance(made, tree.Constant | tree.Operation)
                        if (is_text and not is_number(made)) or self._is_list(made):
                            self._gather(place, Form.TEXT if is_text else Form.LIST, node)
                case tree.Call(func=tree.Attribute(value=base, attr=attr), args=args):
                    if not any(mentions(each.value, of_row) for each in args):
                        continue
                    place = place_of(base)
                    if attr in _ADDING and place is not None and self._is_list(self._made.get(place)):
                        form = Form.LIST
                    elif attr in WRITING:
                        place, form = self._buffer(base), Form.BUFFER
                    else:
                        continue
                    if not is_emptied(place, nodes):
                        self._gather(place, form, node)
                case _:
                    pass

    def _written_at_once(self, call: tree.Call) -> None:
        """What was gathered is written to a buffer, or put into another list."""
        if not isinstance(call.func, tree.Attribute) or not call.args:
            return
        base, attr = call.func.value, call.func.attr
        first = self.form(call.args[0].value)
        if attr == "extend" and first in _MANY:
            place = place_of(base)
            if place is not None and self._is_list(self._made.get(place)):
                self._gather(place, Form.LIST, call)
        elif attr in WRITING and first is not None:
            self._gather(self._buffer(base), Form.BUFFER, call)
        elif attr in FORMATS and self.form(base) is Form.FRAME:
            self._gather(self._buffer(call.args[0].value), Form.BUFFER, call)
        elif attr == "dump" and first in _MANY and len(call.args) > 1:
            self._gather(self._buffer(call.args[1].value), Form.BUFFER, call)

    def _buffer(self, target: tree.Expr, depth: int = 0) -> str | None:
        """The place of the buffer to which something writes; None when it is none."""
        place = place_of(target)
        made = self._made.get(place) if place is not None else target
        if place is not None and self.is_a(target, Kind.BUFFER):
            return place
        if isinstance(made, tree.Call) and made.args and depth < 3:
            is_writer = self.is_a(target, Kind.ROW_WRITER) or called_path(self.domain, made) in EXCEL
            return self._buffer(made.args[0].value, depth + 1) if is_writer else None
        return None

    def _is_list(self, made: tree.Expr | None) -> bool:
        match made:
            case tree.Display(kind="list") | tree.Comprehension(kind="list"):
                return True
            case tree.Call():
                return called_path(self.domain, made) in {"builtins.list", "collections.deque"}
            case _:
                return False
