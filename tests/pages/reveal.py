"""What the `reveal_…` functions of a spec ask the engine, and the comparison with `# revealed:`.

To add one, write a function from `(domain, expression)` to a short text and give it a row in `REVEALED`.  A `reveal_…`
call stands alone on its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqla_leaklint.domain import Domain
from sqla_leaklint.syntax import tree
from tests.pages.assertions import REVEAL, Example, Kind
from tests.pages.matcher import Problem

Describe = Callable[[Domain, tree.Expr], str]


class NotDescribedError(Exception):
    """A question that the domain cannot be asked."""


def method(name: str) -> Describe:
    """Ask the domain's method of that name."""

    def ask(domain: Domain, expression: tree.Expr) -> str:
        describe: Any = getattr(domain, name, None)
        if describe is None:
            raise NotDescribedError(f"the domain has no method `{name}(expression) -> str`")
        return str(describe(expression))

    return ask


REVEALED: Mapping[str, Describe] = {
    "reveal_value": method("describe_value"),
    "reveal_lifetime": method("describe_lifetime"),
    "reveal_query": method("describe_query"),
    "reveal_usage": method("describe_usage"),
    "reveal_model": method("describe_model"),
    "reveal_loading": method("describe_loading"),
    "reveal_name": method("describe_name"),
}


def compare_revealed(example: Example, domain: Domain) -> Iterator[Problem]:
    """Yield what the engine makes of an expression where the page says something else."""
    expected = {one.line: one for one in example.expectations if one.kind is Kind.REVEALED}
    calls = list(reveal_calls(domain.module.parsed.tree.body))
    lines = [number for number, line in enumerate(example.revealing.split("\n"), start=1) if REVEAL.match(line)]
    if len(calls) != len(lines):
        yield Problem(
            example.block.line, f"{len(lines)} `reveal_…` lines but {len(calls)} statements: one on each line"
        )
        return
    for line, call in zip(lines, calls, strict=True):
        expectation = expected.pop(line, None)
        page_line = example.page_line(line)
        try:
            revealed = _answer(domain, call)
        except NotDescribedError as error:
            yield Problem(page_line, f"cannot be revealed: {error}")
            continue
        if expectation is None:
            yield Problem(page_line, f"nothing is expected here: write `# revealed: {revealed}`")
        elif expectation.text != revealed:
            details = (f"expected: {expectation.text}", f"revealed: {revealed}")
            yield Problem(page_line, "revealed something else", details)
    for expectation in expected.values():
        yield Problem(expectation.page_line, "`# revealed` on a line that reveals nothing")


def reveal_calls(block: tree.Block) -> Iterator[tree.Call]:
    """The statements that are `reveal_…` calls, in the order of the text."""
    for statement in block:
        match statement:
            case tree.ExprStmt(value=tree.Call(func=tree.Name(id=name)) as call) if name.startswith("reveal_"):
                yield call
        for inner in tree.blocks_of(statement):
            yield from reveal_calls(inner)


def _answer(domain: Domain, call: tree.Call) -> str:
    assert isinstance(call.func, tree.Name)
    describe = REVEALED.get(call.func.id)
    if describe is None:
        known = ", ".join(REVEALED)
        raise NotDescribedError(f"no function of that name; tests/pages/reveal.py has {known}")
    if len(call.args) != 1 or call.args[0].keyword or call.args[0].star:
        raise NotDescribedError("it takes one positional argument")
    return describe(domain, call.args[0].value)
