"""Measures leaklint against `libcst.parse_module` over the same files, in pairs.

    python scripts/bench.py CHECKOUT [CHECKOUT …] --pairs 5

Two tables: the whole command in a fresh process, and the phases in this one.  Every pair runs both sides one after the
other, in turn first and second; what is printed is the median of the pairs' ratios of user + system time, which a busy
machine disturbs least.  The engine is all that is not libcst's parse: its budget holds on the files that pass the
prefilter.  Below them: for how many of the functions that were executed a control-flow graph was drawn, and what share
of the engine's time that took.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

SOURCE_ROOT = Path(__file__).resolve().parent.parent / "src"
sys.path.insert(0, str(SOURCE_ROOT))

import libcst  # noqa: E402

from sqla_leaklint.config import SettingsFinder  # noqa: E402
from sqla_leaklint.domain.lifetimes import by_hand, paths  # noqa: E402
from sqla_leaklint.linter import check, workspace  # noqa: E402
from sqla_leaklint.linter.discovery import SourceFile, discover  # noqa: E402
from sqla_leaklint.linter.prefilter import may_matter  # noqa: E402
from sqla_leaklint.linter.workspace import Text, Workspace, words_of  # noqa: E402
from sqla_leaklint.semantic import project  # noqa: E402
from sqla_leaklint.semantic.execution import Executor  # noqa: E402
from sqla_leaklint.syntax import parse  # noqa: E402
from sqla_leaklint.syntax.deep_stack import call_with_deep_stack  # noqa: E402
from sqla_leaklint.syntax.parse import parse_source  # noqa: E402
from sqla_leaklint.syntax.source import Source, SourceError, decode_source  # noqa: E402
from sqla_leaklint.syntax.spans import SourceMap  # noqa: E402

BUDGET = 0.6
WIDTH = 52
BARE_PARSE = """
import sys, libcst
for path in open(sys.argv[1], encoding="utf-8").read().splitlines():
    with open(path, "rb") as file:
        data = file.read()
    try:
        libcst.parse_module(data)
    except Exception:
        pass
"""


class Corpus(NamedTuple):
    """The files of a run, and the sources of those that pass the prefilter and can be parsed."""

    files: list[SourceFile]
    passing: list[SourceFile]
    sources: list[Source]

    @property
    def lines(self) -> int:
        return sum(source.text.count("\n") for source in self.sources)


def main() -> int:
    options = _arguments()
    corpus = gather(options.paths)
    if not corpus.sources:
        print("no file passes the prefilter", file=sys.stderr)
        return 2
    print(
        f"{len(corpus.files)} files, {len(corpus.passing)} pass the prefilter"
        f" ({corpus.lines:,} lines); {options.pairs} pairs"
    )
    if options.command:
        print_command(options.paths, corpus, options.pairs)
    return 0 if print_phases(corpus, options.pairs) else 1


def gather(paths: Sequence[str]) -> Corpus:
    """Find the files as the command does."""
    files = list(discover(paths, SettingsFinder().for_directory))
    passing: list[SourceFile] = []
    sources: list[Source] = []
    for file in files:
        try:
            data = file.path.read_bytes()
            if may_matter(data, words_of(file.settings)):
                source = decode_source(str(file.path), data)
                parse_source(source)
                passing.append(file)
                sources.append(source)
        except (OSError, SourceError):
            continue
    return Corpus(files, passing, sources)


# --- the whole command ------------------------------------------------------------------------------------------------


def print_command(paths: Sequence[str], corpus: Corpus, pairs: int) -> None:
    """Print what the command takes against a bare parse of all files, and of those that pass the prefilter."""
    command = [sys.executable, "-m", "sqla_leaklint", "check", "--exit-zero", "--output-format", "json", *paths]
    print(f"\n{'whole command, fresh processes':{WIDTH}} {'parse':>9} {'command':>10} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name, files in (("all files", corpus.files), ("files that pass the prefilter", corpus.passing)):
            listing = Path(folder) / "files"
            listing.write_text("\n".join(str(file.path) for file in files), encoding="utf-8")
            bare = partial(_process_seconds, [sys.executable, "-c", BARE_PARSE, str(listing)])
            one, other = paired(bare, partial(_process_seconds, command), pairs)
            _print_row(f"against the parse of {name}", one, other)


def _process_seconds(command: Sequence[str]) -> float:
    """The user + system time of a process."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE_ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {' '.join(command[:4])} …")
    return usage.ru_utime + usage.ru_stime


# --- phase by phase ---------------------------------------------------------------------------------------------------


class Stopwatch:
    """Exclusive seconds of named phases: time spent in an inner phase does not count for the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    def phase(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time put down to a phase."""

        def timed(*args: Any, **keywords: Any) -> Any:
            self._turn(name)
            try:
                return function(*args, **keywords)
            finally:
                self._turn(None)

        return timed

    def _turn(self, name: str | None) -> None:
        now = time.process_time()
        if self._running:
            current = self._running[-1]
            self.seconds[current] = self.seconds.get(current, 0.0) + now - self._since
        if name is None:
            self._running.pop()
        else:
            self._running.append(name)
        self._since = now


PARSE = "libcst's parse, in the run"
GRAPHS = "control-flow graphs"
PHASES: tuple[tuple[str, Any, str], ...] = (
    (PARSE, libcst, "parse_module"),
    ("nesting check", parse, "refuse_deep_nesting"),
    ("lower", parse, "lower_module"),
    ("execute", Executor, "run"),
    ("summarise", project, "summarise"),
    ("positions", SourceMap, "prepare"),
    ("render fixes", check, "_rendered"),
    ("read", workspace, "decode_source"),
    (GRAPHS, paths, "build_cfg"),
    (GRAPHS, by_hand, "build_cfg"),
    ("values, rules", Workspace, "check"),
)
"""What is timed, and where it is called: `Workspace.check` holds all the others."""


def print_phases(corpus: Corpus, pairs: int) -> bool:
    """Print what each phase takes against a bare parse of the texts that the run parsed; return whether the budget is
    kept."""
    rounds = [call_with_deep_stack(partial(_round, corpus, number % 2 == 0)) for number in range(pairs)]
    bare = [seconds for seconds, _ in rounds]
    print(f"\n{'phases of a run, on files that pass the prefilter':{WIDTH}} {'parse':>9} {'phase':>10} {'ratio':>7}")
    for name in dict.fromkeys(name for name, _, _ in PHASES):
        _print_row(name, bare, [phases.get(name, 0.0) for _, phases in rounds])
    engine = [sum(phases.values()) - phases[PARSE] for _, phases in rounds]
    _print_row("engine: all of them but the parse", bare, engine)
    print_graphs([phases for _, phases in rounds], engine)
    ratio = _ratio(bare, engine)
    verdict = "within" if ratio <= BUDGET else "OVER"
    print(f"\nengine / parse {ratio:.2f}, {verdict} the budget of {BUDGET}")
    return ratio <= BUDGET


def print_graphs(rounds: Sequence[dict[str, float]], engine: Sequence[float]) -> None:
    """Print for how many functions a graph was drawn: those of which a rule asks on what paths they are left."""
    drawn, functions = Counts.graphs, Counts.functions
    share = statistics.median(phases.get(GRAPHS, 0.0) / total for phases, total in zip(rounds, engine, strict=True))
    print(f"\ncontrol-flow graphs: {drawn} functions of {functions:,} have one; {share:.1%} of the engine's time")


class Counts:
    """What the last run did, in numbers."""

    functions = 0
    graphs = 0


def _round(corpus: Corpus, parse_first: bool) -> tuple[float, dict[str, float]]:
    """One pair: a run with its phases timed, and a bare parse of every text that it parsed, before it or after it."""
    if parse_first:
        texts, _ = _parsed_by_run(corpus)
        bare = _bare(texts)
        return bare, _parsed_by_run(corpus)[1]
    texts, phases = _parsed_by_run(corpus)
    return _bare(texts), phases


def _bare(texts: Sequence[str]) -> float:
    def parse_all() -> None:
        for text in texts:
            with suppress(libcst.ParserSyntaxError):  # a broken module that another imports
                libcst.parse_module(text)

    return _timed(parse_all)


def _parsed_by_run(corpus: Corpus) -> tuple[list[str], dict[str, float]]:
    """The texts that a run parses, those of other modules too, and its phases."""
    watch = Stopwatch()
    texts: list[str] = []
    originals = [getattr(owner, name) for _, owner, name in PHASES]
    for (phase, owner, name), original in zip(PHASES, originals, strict=True):
        setattr(owner, name, watch.phase(phase, original))
    timed_parse = libcst.parse_module

    def parse_and_note(text: str) -> libcst.Module:
        texts.append(text)
        return timed_parse(text)

    libcst.parse_module = parse_and_note  # type: ignore[assignment]
    drawn = _count_graphs(paths, by_hand)
    _count_functions()
    gc.collect()
    threshold = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)  # as the command does
    try:
        run = Workspace(SettingsFinder().for_directory)
        for file, source in zip(corpus.passing, corpus.sources, strict=True):
            run.check(Text(source.text.encode("utf-8", "replace"), source), file)
    finally:
        gc.set_threshold(*threshold)
        for (_, owner, name), original in zip(PHASES, originals, strict=True):
            setattr(owner, name, original)
    Counts.graphs = len(drawn)
    return texts, watch.seconds


def _count_graphs(*callers: Any) -> set[object]:
    """The functions that graphs are drawn for from now on."""
    drawn: set[object] = set()
    for caller in callers:

        def build_and_count(function: Any, original: Callable[..., Any] = caller.build_cfg, **keywords: Any) -> Any:
            drawn.add(function)
            return original(function, **keywords)

        caller.build_cfg = build_and_count
    return drawn


def _count_functions() -> None:
    """Count the functions and lambdas that are executed from now on."""
    Counts.functions = 0
    run = Executor.run

    def run_and_count(executor: Executor, module: Any) -> None:
        run(executor, module)
        Counts.functions += sum(body.is_function for body in executor.bodies.values())

    setattr(Executor, "run", run_and_count)  # noqa: B010  (mypy's releases disagree about the assignment's code)


# --- pairs ------------------------------------------------------------------------------------------------------------


def paired(
    one: Callable[[], float | None], other: Callable[[], float | None], pairs: int
) -> tuple[list[float], list[float]]:
    """Seconds of both sides, pair by pair; a side tells its own seconds or is timed here."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            seconds[side].append(_timed((one, other)[side]))
    return seconds


def _timed(run: Callable[[], float | None]) -> float:
    gc.collect()
    start = time.process_time()
    told = run()
    return time.process_time() - start if told is None else told


def _ratio(one: Sequence[float], other: Sequence[float]) -> float:
    return statistics.median(b / a for a, b in zip(one, other, strict=True))


def _print_row(name: str, one: Sequence[float], other: Sequence[float]) -> None:
    ratios = [b / a for a, b in zip(one, other, strict=True)]
    spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
    seconds = f"{statistics.median(one):7.2f} s  {statistics.median(other):7.2f} s"
    print(f"{name:{WIDTH}} {seconds}  {statistics.median(ratios):6.2f}  ({spread})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="what to lint")
    parser.add_argument("--pairs", type=int, default=5, help="how often (default: 5)")
    parser.add_argument("--no-command", dest="command", action="store_false", help="the phases only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
