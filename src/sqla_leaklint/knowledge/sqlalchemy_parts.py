"""SQLAlchemy: functions that give a part of a value, which many values of a column have in common.

`func.<name>` is a function of the database, whose documentation says what it gives: the year of a date, the first
letters of a text.
"""

from __future__ import annotations

_OF_DATES = (
    "extract date_part datepart date_trunc datetrunc date time strftime date_format to_char year quarter month week"
    " weekday day dayofmonth dayofweek dayofyear dayname monthname hour minute second"
)
_OF_TEXTS = "substr substring left right length char_length character_length octet_length"
_OF_NUMBERS = "floor ceil ceiling round trunc mod sign"

PARTS = frozenset(f"{_OF_DATES} {_OF_TEXTS} {_OF_NUMBERS}".split())
"""https://docs.sqlalchemy.org/en/20/core/functions.html, and
https://docs.sqlalchemy.org/en/20/core/sqlelement.html#sqlalchemy.sql.expression.extract"""

CASTS = frozenset({"cast", "try_cast"})
"""https://docs.sqlalchemy.org/en/20/core/sqlelement.html#sqlalchemy.sql.expression.cast"""

COARSE_TYPES = frozenset({"Date", "DATE", "Time", "TIME", "Boolean", "BOOLEAN"})
"""A cast to one of these keeps a part of the value: https://docs.sqlalchemy.org/en/20/core/type_basics.html"""
