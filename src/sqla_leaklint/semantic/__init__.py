"""What a name means, in a module and across modules."""
