"""README.md says what is so: its rules, its options, its settings, its commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sqla_leaklint.cli.main import check
from sqla_leaklint.config import parse_toml, settings_from_table
from sqla_leaklint.linter.selection import unknown_selectors
from sqla_leaklint.linter.workspace import knowledge_of
from sqla_leaklint.rules.base import Rule
from sqla_leaklint.rules.registry import all_rules
from tests.hosts import leaklint

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_a_rule_has_its_row(rule: Rule) -> None:
    assert f"| {rule.code} | {rule.name} | {rule.summary} |" in README


def test_every_row_is_a_rule() -> None:
    rows = re.findall(r"^\| (LKS\d+) \|", README, re.MULTILINE)
    assert rows == [rule.code for rule in all_rules()]


def test_the_example_is_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    (command, output) = re.findall(r"```text\n\$ leaklint ([^\n]*)\n(.*?)```", README, re.DOTALL)[0]
    monkeypatch.chdir(ROOT / "fixtures" / "shop_sync")
    assert leaklint(*command.split()).out.rstrip() == output.rstrip()


def test_the_options_exist() -> None:
    known = {name for parameter in check.params for name in parameter.opts} | {"--version"}
    commands = re.findall(r"^(?:cat .* \| )?leaklint (.*)$", README, re.MULTILINE)
    assert commands
    for command in commands:
        assert set(re.findall(r"--[a-z-]+", command)) <= known, command


def test_the_settings_are_read_and_mean_something() -> None:
    (toml,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    table = parse_toml(toml, "README.md")["tool"]["leaklint"]
    settings = settings_from_table(table, where="README.md")
    assert list(unknown_selectors(settings, all_rules())) == []
    assert knowledge_of(settings).function("acme.db.open_session") is not None


def test_the_continuous_integration_runs_the_test_command() -> None:
    (command,) = re.findall(r"^python3 (scripts/\S+ test)$", README, re.MULTILINE)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert f'"$python" {command}\n' in script


def test_the_bootstrap_script_explains_itself() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "bootstrap.py"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "lint [PATH…] | test" in done.stderr


def test_links_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (ROOT / target).exists(), f"{name} links to {target}"
