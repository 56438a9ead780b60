"""The program as SQLAlchemy and FastAPI see it."""

from __future__ import annotations

from sqla_leaklint.domain.module import Domain
from sqla_leaklint.domain.subjects import CallSite, FunctionSite, ModuleSite

__all__ = ["CallSite", "Domain", "FunctionSite", "ModuleSite"]
