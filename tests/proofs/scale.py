"""What programs cost with 100,000 rows: a table of ratios for the documentation, and a chart of each rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.house import ROOT
from tests.proofs.harness import Comparison, ProofError

DOCUMENT = ROOT / "docs" / "measurements.md"
CHARTS = ROOT / "docs" / "charts"
_MIB = 1024


def section(comparisons: Sequence[Comparison], chart: str) -> str:
    """A rule's section of the document: a row for each run, with the ratio of the peaks, and the chart.

    Raises `ProofError` where a fix changed a result.
    """
    for one in comparisons:
        if one.leaking.result != one.fixed.result:
            raise ProofError(f"{one.proof.claim}: another result after the fix")
    first = comparisons[0]
    versions = ", ".join(f"{name} {version}" for name, version in first.versions.items())
    lines = [
        f"![Peak memory before and after the fix]({chart})",
        "",
        f"{first.rows:,} rows, on {versions}; results are equal before and after.",
        "",
        "| program | database | rows fetched | statements | peak memory | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for one in comparisons:
        before, after = one.leaking, one.fixed
        lines.append(
            f"| {one.proof.claim} | {one.database} | {before.rows:,} → {after.rows:,} "
            f"| {before.statements} → {after.statements} "
            f"| {before.peak / _MIB:,.1f} → {after.peak / _MIB:,.1f} MiB | {ratio(one):,.1f} |"
        )
    return "\n".join(lines) + "\n"


def ratio(comparison: Comparison) -> float:
    """How many times the memory of the fixed program the leaking one takes; differences below 0.1 MiB are noise."""
    return comparison.leaking.peak / max(comparison.fixed.peak, 0.1 * _MIB)


def draw(comparisons: Sequence[Comparison], path: Path) -> None:
    """A chart of the peaks, before and after, as bars; needs matplotlib."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "leaklint", "svg.fonttype": "none"})  # the same numbers give the same file
    labels = [f"{one.proof.claim}\n{one.database}" for one in comparisons]
    figure = Figure(figsize=(8, 0.6 + 0.8 * len(labels)), layout="constrained")
    axes = figure.subplots()
    places = range(len(labels))
    for offset, name, color, peaks in (
        (-0.2, "before", "#c44e52", [one.leaking.peak / _MIB for one in comparisons]),
        (0.2, "after the fix", "#55a868", [one.fixed.peak / _MIB for one in comparisons]),
    ):
        bars = axes.barh([place + offset for place in places], peaks, height=0.38, label=name, color=color)
        axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_yticks(list(places), labels)
    axes.invert_yaxis()
    axes.set_xlabel("peak memory, MiB")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
