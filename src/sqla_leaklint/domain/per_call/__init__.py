"""What a function adds, each time that it is called, to something that outlives the call: listeners, tables, models."""
