"""Origins: where data comes from, and how many values it can have."""
