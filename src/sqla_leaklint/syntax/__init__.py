"""Text, libcst tree and positions: the only floor that parses."""
