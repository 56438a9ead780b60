"""LKS4xx: a session in the wrong scope."""
