"""Pages of the archivist and the privacy officer: each look says why."""
