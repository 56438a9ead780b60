"""LKS3xx: when relationships are loaded, and queries in loops."""
