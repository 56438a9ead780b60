"""The same for asyncio."""

from __future__ import annotations

import os

from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

engine = create_async_engine(
    os.environ["PROOF_ASYNC_DATABASE_URL"],
    poolclass=AsyncAdaptedQueuePool,
    pool_size=5,
    max_overflow=0,
    pool_timeout=0.1,
)
AsyncSessionLocal = async_sessionmaker(engine, expire_on_commit=False)
