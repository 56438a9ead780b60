"""`python -m sqla_leaklint` is the command."""

from __future__ import annotations

from sqla_leaklint.cli import entry_point

if __name__ == "__main__":
    entry_point()
