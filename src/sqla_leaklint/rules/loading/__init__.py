"""LKS3xx: relationships and loops."""
