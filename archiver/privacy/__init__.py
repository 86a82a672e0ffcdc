"""For the privacy officer: requests of citizens, everything about one person, who viewed what."""
