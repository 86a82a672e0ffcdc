"""Orders of destruction, kept outside the database."""
