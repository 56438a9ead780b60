"""The run: discover, check, suppress, fix."""
