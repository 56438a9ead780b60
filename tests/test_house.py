"""The conventions of the house: what a newcomer forgets is what a test says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sqla_leaklint
from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.rules.base import Rule
from sqla_leaklint.rules.registry import all_rules
from tests.house import PACKAGE, ROOT, RULES, RulePage, catalogue, module_path, read_toml, rule_pages
from tests.pages.assertions import Kind

HEADINGS = (
    "What it does",
    "Why is this bad?",
    "Example",
    "Use instead",
    "Fix safety",
    "Measured",
    "Known problems",
    "References",
)
ALWAYS = ("What it does", "Why is this bad?", "Example", "Use instead", "References")
LEAST_CASES = 6
LONGEST_RULE = 130
LONGEST_MODULE = 300
LONGEST_LINE = 120

every_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
every_page = pytest.mark.parametrize("page", rule_pages(), ids=lambda page: page.rule.name)


# --- rules and the catalogue ------------------------------------------------------------------------------------------


def test_there_are_rules() -> None:
    assert all_rules()
    assert len({rule.code for rule in all_rules()}) == len({rule.name for rule in all_rules()}) == len(all_rules())


def test_the_catalogue_gives_nothing_twice() -> None:
    codes = [row["code"] for row in catalogue()]
    assert len(set(codes)) == len(codes) == len({row["name"] for row in catalogue()})
    assert codes == sorted(codes)


def test_the_available_rules_are_those_that_exist() -> None:
    available = {row["code"] for row in catalogue() if row["status"] == "available"}
    assert {row["status"] for row in catalogue()} <= {"available", "planned"}
    assert {rule.code for rule in all_rules()} == available


@every_rule
def test_a_rule_is_the_one_of_the_catalogue(rule: Rule) -> None:
    (row,) = (row for row in catalogue() if row["code"] == rule.code)
    assert rule.name == row["name"]
    assert rule.group.value in row["groups"]
    assert module_path(rule).parent.name == row["family"]


def test_the_hundreds_digit_is_the_family() -> None:
    families: dict[str, str] = {}
    for row in catalogue():
        assert re.fullmatch(r"LKS\d{3}", row["code"])
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row["name"])
        assert families.setdefault(row["code"][3], row["family"]) == row["family"]


@every_rule
def test_a_rule_knows_its_version_and_what_it_reports(rule: Rule) -> None:
    assert _version(rule.since) <= _version(sqla_leaklint.__version__)
    assert rule.summary
    assert rule.summary[0].islower() or rule.summary[0] == "`"
    assert not rule.summary.endswith(".")


# --- pages ------------------------------------------------------------------------------------------------------------


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    modules = {module_path(rule) for rule in all_rules()}
    pages = {path.with_suffix(".py") for path in RULES.rglob("*.md")}
    assert pages == modules


@every_page
def test_a_page_is_called_like_its_rule(page: RulePage) -> None:
    assert page.page.title == f"`{page.rule.name}` (`{page.rule.code}`)"
    assert [section.level for section in page.page.sections].count(1) == 1


@every_page
def test_a_page_has_its_headings_in_their_order(page: RulePage) -> None:
    headings = [section.heading for section in page.page.sections if section.level == 2]
    known = [heading for heading in headings if heading in HEADINGS]
    assert known == [heading for heading in HEADINGS if heading in known]
    assert headings[: len(known)] == known, "more cases come after the References"
    assert set(ALWAYS) <= set(known)
    for heading in known:
        section = page.section(heading)
        assert section is not None
        assert section.prose or section.blocks, f"`{heading}` is empty"


@every_page
def test_fix_safety_is_there_when_there_is_a_fix(page: RulePage) -> None:
    assert (page.section("Fix safety") is not None) == bool(page.rule.fix)


@every_page
def test_known_problems_are_there_when_the_page_shows_some(page: RulePage) -> None:
    gaps = {Kind.MISSING, Kind.SPURIOUS} & set(page.comments)
    assert (page.section("Known problems") is not None) == bool(gaps)


@every_page
def test_the_fixes_of_a_page_are_those_that_the_rule_declares(page: RulePage) -> None:
    shown = {
        Applicability(block.title.removeprefix("fix: "))
        for section in page.page.sections
        for block in section.blocks
        if block.is_fix and block.title
    }
    assert shown == set(page.rule.fix)


@every_page
def test_a_page_has_cases_to_find_and_cases_to_leave_alone(page: RulePage) -> None:
    assert page.comments.count(Kind.ERROR) >= LEAST_CASES, "too few lines with `# error`"
    assert len(page.clean_cases) >= LEAST_CASES, "too few cases in which nothing is reported"


@every_page
def test_the_example_shows_the_pattern_and_the_advice_does_not(page: RulePage) -> None:
    example = next(case for case in page.cases if case.section.heading == "Example")
    assert any(one.kind is Kind.ERROR for file in example.examples for one in file.expectations)
    if page.rule.code != "LKS900":
        assert any(case.section.heading == "Use instead" for case in page.cases)


@every_page
def test_references_are_links(page: RulePage) -> None:
    section = page.section("References")
    assert section is not None
    assert re.search(r"https?://", section.prose)


# --- messages ---------------------------------------------------------------------------------------------------------


@every_rule
def test_messages_say_what_is_wrong(rule: Rule) -> None:
    for message in _texts(module_path(rule), "diagnostic"):
        assert re.match(r"[a-z`{]", message), f"starts in lower case: {message!r}"
        assert not message.endswith("."), f"no full stop: {message!r}"
        assert not re.search(r"\b(should|please)\b", message, re.IGNORECASE), f"says what to do: {message!r}"
        assert not re.search(r"'\w+'|\"\w+\"", message), f"names stand in backticks: {message!r}"


def _texts(path: Path, function: str) -> list[str]:
    """The text of the message in each call `….diagnostic(anchor, message)`, `{}` where a value is filled in."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == function:
            for argument in node.args[1:2]:
                match argument:
                    case ast.Constant(value=str(text)):
                        found.append(text)
                    case ast.JoinedStr(values=values):
                        found.append("".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in values))
                    case _:
                        pass
    return found


# --- modules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_short_and_says_what_lives_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    rule_modules = {module_path(rule) for rule in all_rules()}
    # The vocabulary of the lowered tree and the tables of facts are lists, and are read as such.
    exempt = path == PACKAGE / "syntax" / "tree.py" or (path.parent.name == "knowledge" and path.stem != "facts")
    most = LONGEST_RULE if path in rule_modules else LONGEST_MODULE
    lines = text.count("\n")
    assert exempt or lines <= most, f"{lines} lines, of at most {most}"
    assert text.startswith('"""'), "a module opens with what lives in it"
    assert not re.search(r"(^|_)(utils?|helpers?|common|manager)(_|$)", path.stem)


@pytest.mark.parametrize("folder", ["src", "tests", "scripts"])
def test_lines_are_short(folder: str) -> None:
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LONGEST_LINE
    ]
    assert long == []


def test_only_hosts_import_what_hosts_need() -> None:
    hosts = {"click": ("cli",), "flake8": ("flake8_plugin.py",), "pygls": ("lsp.py",)}
    for path in PACKAGE.rglob("*.py"):
        imported = set(re.findall(r"^\s*(?:import|from)\s+(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        place = path.relative_to(PACKAGE).parts[0]
        for library, allowed in hosts.items():
            assert library not in imported or place in allowed, f"{path} imports {library}"
        if place == "rules":
            assert "libcst" not in imported, f"{path} imports libcst"


def test_no_stock_metadata_or_matchers_at_run_time() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"libcst(\.matchers|\.metadata)|from libcst import .*\b(matchers|metadata)\b", text), path


def test_the_version_is_told_without_the_linter() -> None:
    program = (
        "import sys\n"
        "sys.argv = ['leaklint', '--version']\n"
        "from sqla_leaklint.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "heavy = ('libcst', 'rich', 'asyncio', 'sqla_leaklint.rules', 'sqla_leaklint.domain')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = _run(sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
    version, imported = done.stdout.splitlines()
    assert sqla_leaklint.__version__ in version
    assert imported == "[]"


def test_the_floors_hold() -> None:
    done = _run(sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_mypy() -> None:
    done = _run(sys.executable, "-m", "mypy", "--strict", "src")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=["check", "format"])
def test_ruff(arguments: tuple[str, ...]) -> None:
    done = _run(sys.executable, "-m", "ruff", *arguments, "src", "tests", "scripts")
    assert done.returncode == 0, done.stdout + done.stderr


# --- documents --------------------------------------------------------------------------------------------------------


def test_pytest_collects_the_rule_pages() -> None:
    options = read_toml(ROOT / "pyproject.toml")["tool"]["pytest"]["ini_options"]
    assert "tests" in options["testpaths"]
    assert any((ROOT / folder) in (RULES, *RULES.parents) for folder in options["testpaths"])


def test_the_readme_names_every_rule() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|\s*`?(LKS\d{3})`?\s*\|\s*\[?`?([a-z-]+)`?", readme, re.MULTILINE)
    assert sorted(rows) == [(rule.code, rule.name) for rule in all_rules()]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1"}
    return subprocess.run(
        arguments, capture_output=True, text=True, encoding="utf-8", check=False, cwd=ROOT, env=environment
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
