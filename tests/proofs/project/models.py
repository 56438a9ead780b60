"""The tables of the proofs: a wide one, one that hangs on it, and a small one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Country(Base):
    __tablename__ = "countries"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    phone: Mapped[str]
    street: Mapped[str]
    city: Mapped[str]
    country_code: Mapped[str] = mapped_column(ForeignKey("countries.code"))
    language: Mapped[str]
    active: Mapped[bool]
    biography: Mapped[str] = mapped_column(Text)
    notes: Mapped[str] = mapped_column(Text)
    preferences: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    balance: Mapped[int]

    posts: Mapped[list[Post]] = relationship(back_populates="account")


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    title: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime]

    account: Mapped[Account] = relationship(back_populates="posts")
