"""What citizens ask about their data: dates, terms, grounds, and what they are told."""
