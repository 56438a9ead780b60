"""A family of rules for tests only."""
