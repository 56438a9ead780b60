"""Compares what was reported with what the comments of an example expect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqla_leaklint.diagnostics import Diagnostic
from tests.pages.assertions import Example, Expectation, Kind


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as the page says; `page_line` is where the page says it."""

    page_line: int
    what: str
    details: tuple[str, ...] = ()


def compare(
    example: Example, diagnostics: Sequence[Diagnostic], page_rule: str | None, *, must_be_clean: bool = False
) -> Iterator[Problem]:
    """Yield what differs: every diagnostic needs its own comment and every comment its own diagnostic."""
    left = list(diagnostics)
    unmet: list[tuple[Expectation, str]] = []
    expectations = [expectation for expectation in example.expectations if expectation.kind is not Kind.REVEALED]
    for expectation in sorted(expectations, key=_from_particular_to_general):
        rule = expectation.rule or page_rule
        if rule is None:
            yield Problem(expectation.page_line, "this page belongs to no rule: name one, `# error: [rule-name]`")
            continue
        if must_be_clean and expectation.kind is not Kind.MISSING:
            yield Problem(expectation.page_line, "what is recommended under this heading has to be clean")
        found = next((one for one in left if _meets(one, expectation, rule)), None)
        if expectation.kind is Kind.MISSING:
            if found is not None:
                left.remove(found)
                yield Problem(
                    expectation.page_line,
                    "a missed alarm is reported now: write `# error` in place of `# missing`",
                    (f"reported: {_say(found)}",),
                )
        elif found is not None:
            left.remove(found)
        elif expectation.kind is Kind.SPURIOUS:
            yield Problem(expectation.page_line, "a false alarm is gone: delete the comment `# spurious`")
        else:
            unmet.append((expectation, rule))
    for expectation, rule in unmet:
        yield Problem(expectation.page_line, "expected a diagnostic", _but_reported(example, expectation, rule, left))
        # Another message of the rule on that line was told of just now.
        near = next((one for one in left if _is_of(one, rule) and one.location.span.line == expectation.line), None)
        if near is not None:
            left.remove(near)
    for diagnostic in left:
        line = diagnostic.location.span.line
        yield Problem(example.page_line(line), "nothing was expected here", (f"reported: {_say(diagnostic)}",))


def _from_particular_to_general(expectation: Expectation) -> tuple[int, bool, int]:
    """A comment that names more takes its diagnostic first; gaps that are expected to stay silent come last."""
    text = len(expectation.text) if expectation.kind is Kind.ERROR else 0
    return (expectation.line, expectation.kind is Kind.MISSING, -text)


def _meets(diagnostic: Diagnostic, expectation: Expectation, rule: str) -> bool:
    if diagnostic.location.span.line != expectation.line or not _is_of(diagnostic, rule):
        return False
    return expectation.kind is not Kind.ERROR or expectation.text in diagnostic.message


def _is_of(diagnostic: Diagnostic, rule: str) -> bool:
    return rule in (diagnostic.name, diagnostic.code)


def _but_reported(example: Example, expectation: Expectation, rule: str, left: Sequence[Diagnostic]) -> tuple[str, ...]:
    wanted = f"expected: [{rule}]" + (f" with {expectation.text!r} in its message" if expectation.text else "")
    here = [one for one in left if one.location.span.line == expectation.line]
    if here:
        return (wanted, *(f"reported: {_say(one)}" for one in here))
    elsewhere = [one for one in left if _is_of(one, rule)]
    places = (f"          on line {example.page_line(one.location.span.line)}: {_say(one)}" for one in elsewhere)
    return (wanted, "reported: nothing on this line" + (", but" if elsewhere else ""), *places)


def _say(diagnostic: Diagnostic) -> str:
    column = diagnostic.location.span.column
    return f"{diagnostic.code} [{diagnostic.name}] {diagnostic.message!r} (column {column})"
