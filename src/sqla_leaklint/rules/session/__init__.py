"""LKS1xx: lifetimes of sessions and transactions."""
