"""The program as SQLAlchemy and FastAPI see it."""

from sqla_leaklint.domain.module import Domain
from sqla_leaklint.domain.subjects import CallSite, FunctionSite, ModuleSite

__all__ = ["CallSite", "Domain", "FunctionSite", "ModuleSite"]
