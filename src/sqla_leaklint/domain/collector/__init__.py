"""The cyclic garbage collector: where it is forced to run or switched off, and what is left to it."""
