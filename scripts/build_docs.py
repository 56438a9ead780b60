"""Builds `docs/rules/`: a copy of every rule's page, and an index by family.

python scripts/build_docs.py [--output docs/rules]
"""

from __future__ import annotations

import argparse
import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from sqla_leaklint.rules.base import Rule  # noqa: E402
from sqla_leaklint.rules.registry import all_rules  # noqa: E402

FAMILIES = {
    "session": "Session and transaction lifetime",
    "results": "What a query brings back",
    "loading": "Relationships and loops",
    "scope": "A session in the wrong scope",
    "engine": "Engines, pools and connections",
    "retention": "What the process keeps",
    "profiling": "Profiling left behind",
    "linting": "About linting",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "rules")
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for stale in output.glob("*.md"):
        stale.unlink()
    for rule in all_rules():
        (output / f"{rule.name}.md").write_text(page_path(rule).read_text(encoding="utf-8"), encoding="utf-8")
    (output / "index.md").write_text(index(all_rules()), encoding="utf-8")
    print(f"{len(all_rules())} rules in {output}")
    return 0


def index(rules: tuple[Rule, ...]) -> str:
    """The table of all rules, a section a family, in the order of the codes."""
    lines = ["# Rules", "", "The group says what is on by default: `leak` and `waste` are, `strict` is not.", ""]
    for family, members in groupby(rules, key=lambda rule: page_path(rule).parent.name):
        lines += [f"## {FAMILIES[family]}", "", "| code | rule | group | fix | reports |", "|---|---|---|---|---|"]
        for rule in members:
            fix = "/".join(applicability.value for applicability in rule.fix) or "–"
            lines.append(
                f"| {rule.code} | [`{rule.name}`]({rule.name}.md) | {rule.group.value} | {fix} | {rule.summary} |"
            )
        lines.append("")
    return "\n".join(lines)


def page_path(rule: Rule) -> Path:
    (path,) = (ROOT / "src" / "sqla_leaklint" / "rules").glob(f"*/{rule.name.replace('-', '_')}.md")
    return path


if __name__ == "__main__":
    sys.exit(main())
