"""Runs the examples of a page: each becomes a project on disk, which is linted and compared with its comments."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqla_leaklint.diagnostics import Diagnostic
from tests.pages.assertions import Example, Kind, UnreadableCommentError, named_rules, read_example
from tests.pages.engine import Engine
from tests.pages.matcher import Problem, compare
from tests.pages.outputs import Written, fix_blocks
from tests.pages.parser import Block, Page, PageError, Section
from tests.pages.reveal import compare_revealed
from tests.pages.update import Replacement, outdated, replacements

EXAMPLE = "Example"
USE_INSTEAD = "Use instead"


@dataclass(frozen=True, slots=True)
class Case:
    """One project below a heading: all of its titled files, and at most one without a title.

    `rule` is the rule of the page (None on an engine spec), `pins_output` tells that the rendered output follows: below
    the page's example, and wherever a page has put a block for it.
    """

    page: Page
    section: Section
    name: str
    examples: tuple[Example, ...]
    rule: str | None

    @property
    def pins_output(self) -> bool:
        is_pinned = self.section.heading == EXAMPLE or any(block.is_output for block in self.section.blocks)
        return self.rule is not None and is_pinned and self.name == self.section.title

    @property
    def selects(self) -> tuple[str, ...]:
        """The rule of the page and those that comments name; nothing when only the engine is asked."""
        named = dict.fromkeys(named_rules(self.examples))
        return tuple(dict.fromkeys((self.rule, *named))) if self.rule else tuple(named)

    @property
    def is_judged(self) -> bool:
        """Whether diagnostics matter: a spec that only reveals says nothing about them."""
        kinds = {expectation.kind for example in self.examples for expectation in example.expectations}
        return self.rule is not None or kinds != {Kind.REVEALED}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is wrong with a case, and what `--update-pages` has to change in the page."""

    problems: tuple[Problem, ...]
    changes: tuple[Replacement, ...]


def cases_of(page: Page, rule: str | None) -> Iterator[Case]:
    """Every project of a page; a second block without a title below one heading starts a second project."""
    taken: dict[str, int] = {}
    for section in page.sections:
        titled = [block for block in section.files if block.title is not None]
        loose = [block for block in section.files if block.title is None]
        if not any(block.path.endswith(".py") for block in section.files):
            continue
        _reject_repeated_titles(page, titled)
        projects: Sequence[Sequence[Block]] = [[*titled, block] for block in loose] or [titled]
        for blocks in projects:
            ordered = sorted(blocks, key=lambda block: block.line)
            count = taken[section.title] = taken.get(section.title, 0) + 1
            name = section.title if count == 1 else f"{section.title} ({count})"
            yield Case(page, section, name, tuple(_examples(page, ordered)), rule)


def run_case(case: Case, root: Path, engine: Engine) -> Outcome:
    """Write the project below `root`, lint every file of it with the engine, and compare."""
    shutil.rmtree(root, ignore_errors=True)
    for example in case.examples:
        target = root / example.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(example.text, encoding="utf-8", newline="")
    settings_text = "\n".join(block.text for block in case.section.settings)
    python = [example for example in case.examples if example.path.endswith(".py")]
    problems: list[Problem] = []
    changes: list[Replacement] = []
    reported: list[Diagnostic] = []
    if case.is_judged:
        run = engine(root, settings_text, case.selects)
        must_be_clean = case.section.heading == USE_INSTEAD
        for example in python:
            found = run.lint(example.path)
            reported += found
            problems += compare(example, found, case.rule, must_be_clean=must_be_clean)
            if case.rule is not None:
                existing = [block for block in _below(case, example.block) if block.is_fix]
                wanted = list(fix_blocks(example.text, found))
                problems += outdated(example.block, existing, wanted)
                changes += replacements(example.block, existing, wanted)
        if case.pins_output:
            pinned = [block for block in case.section.blocks if block.is_output]
            wanted = [Written("text", run.render_full(reported))] if reported else []
            last = next(block for block in reversed(case.section.blocks) if block.is_file or block.is_fix)
            problems += outdated(last, pinned, wanted)
            changes += replacements(last, pinned, wanted)
    problems += _revealed(case, python, root, engine, settings_text)
    return Outcome(tuple(sorted(problems, key=lambda one: one.page_line)), tuple(changes))


def _revealed(
    case: Case, python: Sequence[Example], root: Path, engine: Engine, settings_text: str
) -> Iterator[Problem]:
    asking = [example for example in python if example.revealing != example.text]
    for example in asking:
        (root / example.path).write_text(example.revealing, encoding="utf-8", newline="")
    if asking:
        run = engine(root, settings_text, case.selects)
        for example in asking:
            yield from compare_revealed(example, run.domain(example.path))


def _examples(page: Page, blocks: Sequence[Block]) -> Iterator[Example]:
    for block in blocks:
        try:
            yield read_example(block)
        except UnreadableCommentError as error:
            raise PageError(f"{page.path}: {error}") from None


def _below(case: Case, block: Block) -> Iterator[Block]:
    """The blocks after a file's block up to the next file."""
    following = case.section.blocks[case.section.blocks.index(block) + 1 :]
    for other in following:
        if other.is_file:
            return
        yield other


def _reject_repeated_titles(page: Page, titled: Sequence[Block]) -> None:
    seen: set[str] = set()
    for block in titled:
        if block.path in seen:
            raise PageError(f"{page.path}:{block.line}: a second `{block.path}` below one heading")
        seen.add(block.path)
