"""Right of access (GDPR article 15): finding a person, and the report."""
