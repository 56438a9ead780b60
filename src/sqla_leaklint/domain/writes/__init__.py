"""Writes: what a session has yet to send, and when it does."""
