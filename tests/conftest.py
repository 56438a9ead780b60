"""Profiles of the property tests: `quick` by default, the same on every run; `--hypothesis-profile=slow` for more."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

UNHURRIED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]

settings.register_profile(
    "quick", derandomize=True, max_examples=40, deadline=None, database=None, suppress_health_check=UNHURRIED
)
settings.register_profile("slow", max_examples=2000, deadline=None, suppress_health_check=UNHURRIED)
settings.load_profile("quick")
