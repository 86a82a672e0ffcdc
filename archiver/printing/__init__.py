"""Dutch words of what is printed from the record."""
