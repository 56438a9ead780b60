"""One source in, its diagnostics out: runs the rules over a module and turns their drafts into plain data."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from sqla_leaklint.config import Settings
from sqla_leaklint.diagnostics import Diagnostic, Edit, Fix, Location, Note, Span
from sqla_leaklint.domain import Domain
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.linter.discovery import SourceFile
from sqla_leaklint.linter.roles import FileRole
from sqla_leaklint.linter.selection import Selection, selection
from sqla_leaklint.linter.suppression import unsuppressed
from sqla_leaklint.rules.base import Anchor, Draft, Rule
from sqla_leaklint.rules.linting import syntax_error
from sqla_leaklint.rules.registry import all_rules
from sqla_leaklint.syntax.source import SourceError
from sqla_leaklint.syntax.spans import SourceMap

MORE_SPECIFIC = {
    "LKS101": frozenset({"LKS103", "LKS104", "LKS105", "LKS110"}),
    "LKS601": frozenset({"LKS605", "LKS606", "LKS611"}),
    "LKS602": frozenset({"LKS603", "LKS604"}),
    "LKS606": frozenset({"LKS611"}),
    "LKS703": frozenset({"LKS112"}),
}
"""Of two rules that report one line, the more specific one is heard."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something in leaklint itself broke on a file: in a rule, or (None) before any rule ran."""

    path: str
    rule: str | None
    error: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file has to say: diagnostics in order, what broke while they were looked for, and whether it is Python."""

    diagnostics: tuple[Diagnostic, ...] = ()
    failures: tuple[Failure, ...] = ()
    is_parsed: bool = True


@dataclass(slots=True)
class _Findings:
    """The drafts of one module while they are gathered."""

    shown: str
    drafts: list[Draft] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def broke(self, rule: Rule | None, error: BaseException) -> None:
        self.failures.append(Failure(self.shown, rule.code if rule else None, describe(error)))


def check_source(
    text: str,
    file: SourceFile,
    role: FileRole,
    open_domain: Callable[[], Domain],
    show: Callable[[str], str],
    *,
    heeds_noqa: bool = True,
) -> Checked:
    """All chosen diagnostics of a text that no comment silences.

    `open_domain` analyses the text and may raise `SourceError`; `show` writes other files' paths as the user would.
    """
    chosen = selection(file.settings, all_rules())
    findings = _Findings(file.shown)
    diagnostics: list[Diagnostic] = []
    is_parsed = True
    try:
        domain = open_domain()
    except SourceError as error:
        is_parsed = False
        diagnostics += unreadable(error, file.shown, chosen)
    except Exception as error:  # noqa: BLE001  (one file that breaks us must not end the run)
        findings.broke(None, error)
    else:
        _run_rules(_rules_for(chosen, role, file.settings), domain, findings)
        drafts = [draft for draft in findings.drafts if chosen.includes(draft.rule.code, draft.group)]
        if drafts:
            diagnostics += _diagnostics(drafts, SourceMap(domain.module.parsed), findings, show)
    reported: Iterable[Diagnostic] = most_specific(diagnostics)
    if heeds_noqa:
        reported = unsuppressed(reported, text)
    return Checked(tuple(sorted(set(reported), key=_order)), tuple(findings.failures), is_parsed)


def unreadable(error: SourceError, shown: str, chosen: Selection) -> list[Diagnostic]:
    """The diagnostic about a file that could not be read, decoded or parsed, if that rule is on."""
    rule = syntax_error.rule
    if not chosen.includes(rule.code, rule.group):
        return []
    span = Span(error.line, error.column, error.line, error.column)
    return [Diagnostic(rule.code, rule.name, rule.group, error.message, Location(shown, span))]


def most_specific(diagnostics: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """The diagnostics without those that a more specific rule reports on the same line."""
    lines = {(diagnostic.code, diagnostic.location.span.line) for diagnostic in diagnostics}
    for diagnostic in diagnostics:
        line = diagnostic.location.span.line
        if not any((code, line) in lines for code in MORE_SPECIFIC.get(diagnostic.code, ())):
            yield diagnostic


def describe(error: BaseException) -> str:
    """An exception on one line, with the place that raised it."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    place = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def _order(diagnostic: Diagnostic) -> tuple[object, ...]:
    return diagnostic.sort_key


def _rules_for(chosen: Selection, role: FileRole, settings: Settings) -> Iterator[Rule]:
    speaks_of_app_only = role is not FileRole.APP and not settings.all_files
    return (rule for rule in chosen.rules if not (rule.noisy_outside_app and speaks_of_app_only))


def _run_rules(rules: Iterable[Rule], domain: Domain, findings: _Findings) -> None:
    for rule in rules:
        try:
            for subject_type, check in rule.checks:
                subjects: Iterable[object] = domain.subjects(subject_type)
                for subject in subjects:
                    findings.drafts.extend(check(subject, domain))
        except Exception as error:  # noqa: BLE001  (a rule that breaks must not silence the others)
            findings.broke(rule, error)


def _diagnostics(
    drafts: Sequence[Draft], source_map: SourceMap, findings: _Findings, show: Callable[[str], str]
) -> Iterator[Diagnostic]:
    anchors = [anchor for draft in drafts for anchor in (draft.anchor, *(place for place, _ in draft.notes))]
    source_map.prepare([anchor for anchor in anchors if not isinstance(anchor, Location)])

    def located(anchor: Anchor) -> Location:
        if isinstance(anchor, Location):
            return Location(show(anchor.path), anchor.span)
        return Location(findings.shown, source_map.span(anchor))

    for draft in drafts:
        try:
            fix = _rendered(draft.fix, source_map, findings.shown)
        except Exception as error:  # noqa: BLE001  (the diagnostic stands without its fix)
            findings.broke(draft.rule, error)
            fix = None
        yield Diagnostic(
            code=draft.rule.code,
            name=draft.rule.name,
            group=draft.group,
            message=draft.message,
            location=located(draft.anchor),
            help=draft.help,
            notes=tuple(Note(located(anchor), message) for anchor, message in draft.notes),
            fix=fix,
        )


def _rendered(pending: PendingFix | None, source_map: SourceMap, shown: str) -> Fix | None:
    if pending is None:
        return None
    edits = tuple(
        Edit(Location(shown, source_map.span_between(edit.start, edit.end)), edit.content)
        for edit in sorted(pending.render(source_map))
    )
    return Fix(pending.applicability, pending.message, edits) if edits else None
