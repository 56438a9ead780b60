"""LKS6xx: what the process keeps."""
