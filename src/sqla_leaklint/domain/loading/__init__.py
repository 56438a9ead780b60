"""Loading: which relationships come with the rows of a query, and which are read without."""
