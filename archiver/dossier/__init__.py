"""Everything about one person, for that person: the report, and how it looks on paper."""
