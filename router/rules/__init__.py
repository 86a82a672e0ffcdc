"""Rule engine: conditions, lexicon, spelling. Pure."""
