"""Rows: what brings them to Python, how many there can be, and what becomes of them."""
