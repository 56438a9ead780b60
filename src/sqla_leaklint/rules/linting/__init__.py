"""LKS9xx: about linting itself."""
