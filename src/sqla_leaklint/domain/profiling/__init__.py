"""Tools for looking at a running program: tracers, profilers, listings of the heap, and where they were left on."""
