"""Claims of rules, measured: leaking programs and what the fixes made of them, on a real SQLAlchemy."""
