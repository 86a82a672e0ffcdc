"""A second person for a version of rules and texts, before it counts."""
