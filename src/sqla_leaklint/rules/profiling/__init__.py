"""LKS7xx: profiling left behind."""
