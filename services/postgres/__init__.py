"""PostgreSQL: pool, transient errors, outboxes, migrations."""
