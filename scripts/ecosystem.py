"""Runs leaklint over a folder of checkouts, stores what it reports, and shows what changed and a sample for reading.

python scripts/ecosystem.py CHECKOUTS --output now --against before
python scripts/ecosystem.py CHECKOUTS --output now --no-run --sample 20 --seed 7 --rule LKS101
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SOURCE = Path(__file__).resolve().parent.parent / "src"
CLEAN_OR_DIAGNOSTICS = (0, 1)


class Key(NamedTuple):
    """What stays the same about a diagnostic when lines above it come and go."""

    path: str
    code: str
    message: str
    text: str


class Run(NamedTuple):
    """What leaklint said of one project; `failure` is the end of its error output when it could not finish."""

    project: str
    seconds: float
    failure: str
    diagnostics: list[dict[str, Any]]

    @property
    def keys(self) -> Counter[Key]:
        return Counter(_key(one) for one in self.diagnostics)


def main() -> int:
    options = _arguments()
    checkouts = _checkouts(options.checkouts, options.project)
    if not checkouts:
        print(f"no checkouts in {options.checkouts}", file=sys.stderr)
        return 2
    if options.run:
        options.output.mkdir(parents=True, exist_ok=True)
        for checkout in checkouts:
            print(f"{checkout.name} …", end="", file=sys.stderr, flush=True)
            run = run_leaklint(checkout, options.leaklint, options.timeout)
            store(run, options.output)
            print(f" {run.seconds:.1f} s", file=sys.stderr)
    found = (load(options.output, checkout.name) for checkout in checkouts)
    runs = [of_rules(run, options.rule) for run in found if run is not None]
    print_counts(runs)
    if options.against:
        before = (load(options.against, run.project) for run in runs)
        print_difference(runs, [of_rules(run, options.rule) for run in before if run is not None])
    if options.sample:
        print_sample(runs, options.checkouts, options.sample, options.seed)
    return 1 if any(run.failure for run in runs) else 0


def run_leaklint(checkout: Path, arguments: Sequence[str], timeout: float) -> Run:
    """Lint a checkout in a process of its own, as a user would from its root."""
    command = [sys.executable, "-m", "sqla_leaklint", "check", "--output-format", "json", *arguments, "."]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONUTF8": "1"}
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return Run(checkout.name, time.perf_counter() - start, f"not done after {timeout:.0f} s", [])
    seconds = time.perf_counter() - start
    failed = done.returncode not in CLEAN_OR_DIAGNOSTICS or "Traceback (most recent call last)" in done.stderr
    failure = f"exit code {done.returncode}\n{done.stderr[-4000:]}" if failed else ""
    try:
        diagnostics = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        return Run(checkout.name, seconds, failure or f"output is not JSON: {error}", [])
    lines = _Lines(checkout)
    for diagnostic in diagnostics:
        diagnostic["path"] = Path(diagnostic["path"]).as_posix()
        diagnostic["text"] = lines.line(diagnostic["path"], diagnostic["line"]).strip()
    return Run(checkout.name, seconds, failure, diagnostics)


def store(run: Run, folder: Path) -> None:
    text = json.dumps(run._asdict(), indent=1, ensure_ascii=False, sort_keys=True)
    (folder / f"{run.project}.json").write_text(text + "\n", encoding="utf-8")


def load(folder: Path, project: str) -> Run | None:
    try:
        return Run(**json.loads((folder / f"{project}.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        print(f"{folder} has no run of {project}", file=sys.stderr)
        return None


def of_rules(run: Run, rules: Sequence[str]) -> Run:
    """The run with the diagnostics of some rules only, by name, code or the beginning of a code."""
    if not rules:
        return run
    kept = [one for one in run.diagnostics if one["name"] in rules or one["code"].startswith(tuple(rules))]
    return run._replace(diagnostics=kept)


def print_counts(runs: Sequence[Run]) -> None:
    """Print a row a project, a column a rule, and what went wrong."""
    counts = {run.project: Counter(one["code"] for one in run.diagnostics) for run in runs}
    total: Counter[str] = sum(counts.values(), Counter())
    codes = sorted(total)
    width = max((len(run.project) for run in runs), default=5)
    print(f"{'':{width}} {'seconds':>8} {'all':>6} " + " ".join(f"{code:>7}" for code in codes))
    for run in runs:
        counter = counts[run.project]
        cells = " ".join(f"{counter[code] or '':>7}" for code in codes)
        print(
            f"{run.project:{width}} {run.seconds:8.1f} {counter.total():6} {cells}{'  FAILED' if run.failure else ''}"
        )
    cells = " ".join(f"{total[code]:>7}" for code in codes)
    print(f"{'':{width}} {sum(run.seconds for run in runs):8.1f} {total.total():6} {cells}")
    for run in runs:
        if run.failure:
            print(f"\n{run.project}: {run.failure}")


def print_difference(runs: Sequence[Run], earlier: Sequence[Run]) -> None:
    """Print every diagnostic that came or went since the earlier runs, whatever its line number."""
    before_of = {run.project: run for run in earlier}
    came = gone = compared = 0
    for run in runs:
        before = before_of.get(run.project)
        if before is None:
            continue
        compared += len(before.diagnostics)
        for sign, side, keys in (("+", run, run.keys - before.keys), ("-", before, before.keys - run.keys)):
            for key in sorted(keys.elements()):
                line = next(one["line"] for one in side.diagnostics if _key(one) == key)
                print(f"{sign} {run.project}/{key.path}:{line}: {key.code} {key.message}\n      {key.text}")
            came += keys.total() if sign == "+" else 0
            gone += keys.total() if sign == "-" else 0
    print(f"\n{came} came, {gone} went; there were {compared} in {len(earlier)} projects")


def print_sample(runs: Sequence[Run], checkouts: Path, size: int, seed: int) -> None:
    """Print some diagnostics with the code round every place that they name."""
    everything = [(run.project, one) for run in runs for one in run.diagnostics]
    everything.sort(key=lambda item: (item[0], item[1]["path"], item[1]["line"], item[1]["column"], item[1]["code"]))
    chosen = random.Random(seed).sample(everything, min(size, len(everything)))
    print(f"\n{len(chosen)} of {len(everything)} diagnostics, seed {seed}")
    for number, (project, one) in enumerate(chosen, start=1):
        lines = _Lines(checkouts / project)
        print(f"\n[{number}] {project}/{one['path']}:{one['line']}:{one['column']}")
        print(f"    {one['code']} {one['name']} ({one['group']}): {one['message']}")
        print("\n".join(lines.frame(one["path"], one["line"], before=8, after=12)))
        for note in one["notes"]:
            print(f"    note {note['path']}:{note['line']}: {note['message']}")
            if note["path"] != one["path"] or not -8 <= note["line"] - one["line"] <= 12:
                print("\n".join(lines.frame(note["path"], note["line"], before=2, after=4)))
        if one["help"]:
            print(f"    help: {one['help']}")
        if one["fix"]:
            print(f"    fix ({one['fix']['applicability']}): {one['fix']['message']}")


class _Lines:
    """The lines of a checkout's files, each file read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, list[str]] = {}

    def line(self, path: str, number: int) -> str:
        lines = self._of(path)
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def frame(self, path: str, number: int, before: int, after: int) -> Iterator[str]:
        lines = self._of(path)
        for current in range(max(1, number - before), min(len(lines), number + after) + 1):
            yield f"    {'>' if current == number else ' '} {current:5} | {lines[current - 1]}"

    def _of(self, path: str) -> list[str]:
        if path not in self._files:
            try:
                text = (self._root / path).read_text(encoding="utf-8", errors="replace")
            except OSError:
                text = ""
            self._files[path] = text.split("\n")
        return self._files[path]


def _key(diagnostic: dict[str, Any]) -> Key:
    return Key(diagnostic["path"], diagnostic["code"], diagnostic["message"], diagnostic["text"])


def _checkouts(folder: Path, wanted: Sequence[str]) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [path for path in found if not wanted or any(word in path.name for word in wanted)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path, help="a folder with one checkout in each subfolder")
    parser.add_argument("--output", type=Path, required=True, help="where the runs are stored, a JSON file a project")
    parser.add_argument("--against", type=Path, help="the output folder of an earlier run to compare with")
    parser.add_argument("--project", action="append", default=[], help="only checkouts whose name contains this")
    parser.add_argument("--no-run", dest="run", action="store_false", help="use the runs that --output has")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="show N diagnostics with their code")
    parser.add_argument("--seed", type=int, default=0, help="which sample (default: 0)")
    parser.add_argument("--rule", action="append", default=[], help="count, compare and show only this code or prefix")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one project (default: 1800)")
    parser.add_argument(
        "--leaklint", action="append", default=[], metavar="ARGUMENT", help="passed on, as in --leaklint=--select=LKS"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
