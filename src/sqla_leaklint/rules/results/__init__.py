"""LKS2xx: what a query brings back."""
