"""What the engine believes of one line, and what it does not know: the answer of `leaklint why`.

`line` finds what stands on the line, `sessions`, `rows`, `handoffs`, `containers`, `definitions` and `values` each
explain one kind of subject in a `Paragraph`, `chain` follows a value back through its names, and `answer` puts the
paragraphs in order.
"""

from __future__ import annotations

from sqla_leaklint.linter.explain.answer import NotALineError, explain

__all__ = ["NotALineError", "explain"]
