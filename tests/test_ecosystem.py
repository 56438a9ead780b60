"""The script that compares runs over real projects, on a small one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.house import ROOT

BROKEN = "def total(orders):\n    return sum(orders\n"


def ecosystem(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts" / "ecosystem.py"
    return subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_a_line_that_moves_is_no_difference_and_a_new_diagnostic_is_one(tmp_path: Path) -> None:
    checkouts, before, after = tmp_path / "checkouts", tmp_path / "before", tmp_path / "after"
    (checkouts / "shop").mkdir(parents=True)
    broken, other = checkouts / "shop" / "orders.py", checkouts / "shop" / "rows.py"
    broken.write_text(BROKEN, encoding="utf-8")
    first = ecosystem(str(checkouts), "--output", str(before), "--sample", "1", "--rule", "LKS900")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[0].split() == ["seconds", "all", "LKS900"]
    assert "[1] shop/orders.py:2:15" in first.stdout
    assert ">     2 |     return sum(orders" in first.stdout

    broken.write_text(f"# moved\n\n{BROKEN}", encoding="utf-8")
    moved = ecosystem(str(checkouts), "--output", str(after), "--against", str(before))
    assert moved.stdout.splitlines()[-1] == "0 came, 0 went; there were 1 in 1 projects"

    broken.write_text("total = 1\n", encoding="utf-8")
    other.write_text("rows = [\n", encoding="utf-8")
    changed = ecosystem(str(checkouts), "--output", str(after), "--against", str(before))
    lines = changed.stdout.splitlines()
    assert lines[-1] == "1 came, 1 went; there were 1 in 1 projects"
    assert [line.split(": ")[0] for line in lines if line[:2] in ("+ ", "- ")] == [
        "+ shop/rows.py:1",
        "- shop/orders.py:2",
    ]


def test_a_run_that_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "checkouts" / "shop").mkdir(parents=True)
    done = ecosystem(str(tmp_path / "checkouts"), "--output", str(tmp_path / "now"), "--leaklint=--no-such-option")
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert "exit code 2" in done.stdout
