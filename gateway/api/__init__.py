"""HTTP routes of /v1."""
