"""LKS5xx: engines, pools and connections."""
