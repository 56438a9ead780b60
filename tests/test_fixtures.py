"""The fixture applications: exactly the expected diagnostics, and a real gain from applying the fixes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path, PurePath
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
APPLICATIONS = sorted(path.parent.name for path in FIXTURES.glob("*/expected.json"))


def driver() -> Any:
    spec = importlib.util.spec_from_file_location("drive", FIXTURES / "drive.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaklint(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "sqla_leaklint", *arguments],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def places(diagnostics: list[dict[str, Any]]) -> list[str]:
    return sorted(f"{PurePath(one['path']).as_posix()}:{one['line']}: {one['code']}" for one in diagnostics)


def test_there_are_a_sync_and_an_async_application() -> None:
    assert {"export_async", "shop_sync"} <= set(APPLICATIONS)


@pytest.mark.parametrize("application", APPLICATIONS)
def test_an_application_gets_exactly_the_expected_diagnostics(application: str) -> None:
    expected = json.loads((FIXTURES / application / "expected.json").read_text(encoding="utf-8"))
    run = leaklint("--output-format", "json", ".", directory=FIXTURES / application)
    assert run.returncode == 1, run.stderr
    assert places(json.loads(run.stdout)) == places(expected["diagnostics"])


@pytest.mark.slow
@pytest.mark.parametrize("application", APPLICATIONS)
def test_the_leaks_of_an_application_are_real(application: str, tmp_path: Path) -> None:
    drive = driver()
    with drive.copied(FIXTURES / application) as copy:
        endpoints = drive.Driver(copy, tmp_path, rows=500).measure()["endpoints"]
    leaks = set(json.loads((FIXTURES / application / "drive.json").read_text(encoding="utf-8"))["leaks"])
    assert {name for name, measured in endpoints.items() if measured["held"]} == leaks
    assert {name for name, measured in endpoints.items() if measured["failures"]} == leaks
    for name in leaks:
        assert endpoints[name]["held"] == drive.POOL_SIZE
        assert endpoints[name]["failures"] == drive.REPEATS - drive.POOL_SIZE


@pytest.mark.slow
@pytest.mark.parametrize("application", APPLICATIONS)
def test_fixes_keep_the_answers_and_give_everything_back(application: str) -> None:
    drive = driver()
    comparison = drive.compare(FIXTURES / application, rows=2000)
    assert drive.faults(comparison) == [], drive.table(comparison)
    assert comparison["changed"], "nothing was fixed"
