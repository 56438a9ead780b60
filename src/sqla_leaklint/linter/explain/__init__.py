"""What the engine believes of one line, and what it does not know: the answer of `leaklint why`.

`line` finds what stands on the line.  Each family of subjects has a module that tells of it in a `Paragraph`:
`sessions`, `engines`, `rows`, `concurrency`, `event_loop` …  `families` asks them in order and leaves what they have
not spoken of to `values`, `chain` follows a value back through its names, `ways` tells how the world outside comes to a
function, and `answer` puts it all together.  What is no subject of a rule says why: its `Excuse`.
"""

from __future__ import annotations

from sqla_leaklint.linter.explain.answer import Answers, NotALineError

__all__ = ["Answers", "NotALineError"]
