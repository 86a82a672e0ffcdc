"""PostgreSQL: pool, transient errors, migrations."""
