"""Linking: what names, calls, attributes, parameters and classes come to, module by module."""
