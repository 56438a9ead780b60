"""Mapped classes: their columns, keys and relationships."""
