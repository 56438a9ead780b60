"""`leaklint`: its subcommands and their options.

Nothing here imports the linter at the top: `--version`, `--help` and completion must not wait for it.
"""

from __future__ import annotations

import os
import sys

import click

from sqla_leaklint import __version__


class _DefaultsToCheck(click.Group):
    """A group in which the name of the command may be left out: `leaklint PATH` is `leaklint check PATH`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        names = {*self.commands, "--version", *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in names else ["check", *args])


@click.group(
    cls=_DefaultsToCheck,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`leaklint PATH…` is short for `leaklint check PATH…`; `leaklint check --help` lists its options.",
)
@click.version_option(__version__, prog_name="leaklint", message="%(prog)s %(version)s")
def group() -> None:
    """Find where SQLAlchemy, SQLModel and FastAPI programs leak sessions, connections and memory."""


def _words(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Options that are given several times, or with commas, or both."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


@group.command()
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--fix", is_flag=True, help="Apply the safe fixes.")
@click.option("--unsafe-fixes", is_flag=True, help="Let --fix and --diff apply unsafe fixes, too: read what they did.")
@click.option("--diff", is_flag=True, help="Print what --fix would change, and change nothing.")
@click.option(
    "--select",
    multiple=True,
    callback=_words,
    metavar="RULES",
    help="Rules to run in place of the default groups and of the settings: codes, their beginnings, names, groups.",
)
@click.option("--extend-select", multiple=True, callback=_words, metavar="RULES", help="Rules to run besides.")
@click.option("--ignore", multiple=True, callback=_words, metavar="RULES", help="Rules to leave out.")
@click.option(
    "--output-format",
    type=click.Choice(["text", "full", "json"]),
    default="text",
    show_default=True,
    help="How to print.",
)
@click.option("--stdin-filename", metavar="PATH", help="The file that standard input (`-`) stands for.")
@click.option("--all-files", is_flag=True, help="Let all rules speak about tests and migrations, too.")
@click.option("--isolated", is_flag=True, help="Read no settings from files.")
@click.option("--config", type=click.Path(), metavar="FILE", help="Read the settings from this file only.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even when there are diagnostics.")
@click.pass_context
def check(
    ctx: click.Context,
    paths: tuple[str, ...],
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    output_format: str,
    stdin_filename: str | None,
    all_files: bool,
    isolated: bool,
    config: str | None,
    exit_zero: bool,
) -> None:
    """Lint files and folders (by default the current one); `-` is standard input.

    Exits with 0 when all is clean or was fixed, with 1 when there are diagnostics, with 2 when it could not run.
    """
    from sqla_leaklint.cli.arguments import Arguments
    from sqla_leaklint.cli.check import run_check

    if isolated and config is not None:
        raise click.UsageError("--isolated and --config exclude each other")
    if "-" in paths and len(paths) > 1:
        raise click.UsageError("`-` (standard input) cannot be combined with other paths")
    if stdin_filename is not None and paths != ("-",):
        raise click.UsageError("--stdin-filename needs `-` as the only path")
    ctx.exit(
        run_check(
            Arguments(
                paths=paths or (".",),
                fix=fix,
                unsafe_fixes=unsafe_fixes,
                diff=diff,
                select=select,
                extend_select=extend_select,
                ignore=ignore,
                output_format=output_format,
                stdin_filename=stdin_filename,
                all_files=all_files,
                isolated=isolated,
                config=config,
                exit_zero=exit_zero,
            )
        )
    )


@group.command()
@click.argument("rule", required=False, metavar="[CODE|NAME]")
@click.option("--all", "all_rules", is_flag=True, help="Print the pages of all rules.")
def rule(rule: str | None, all_rules: bool) -> None:
    """Print the page of a rule."""
    from sqla_leaklint.cli.rule import pages

    if (rule is None) != all_rules:
        raise click.UsageError("name one rule, or give --all")
    click.echo("\n".join(pages(rule)), nl=False)


@group.command()
@click.argument("place", metavar="FILE:LINE")
def why(place: str) -> None:
    """Tell what is believed of a line, and what is not known: why something is reported there, or nothing."""
    from sqla_leaklint.cli.why import answer

    click.echo("\n".join(answer(place)))


def main() -> None:
    """Run the command with the arguments of the process."""
    for stream in (sys.stdout, sys.stderr):
        # A file's name may hold bytes that no encoding has a character for.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    group(prog_name="leaklint")


def entry_point() -> None:
    """Run the command, and end the process with it."""
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, int) and _is_flushed():
            # Tidying up would take a third of a run's time, to free what the system frees at once.
            os._exit(ended.code)
        raise


def _is_flushed() -> bool:
    """Write what is still buffered; False when nobody reads it any more, which the interpreter has to handle."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return False
    return True
