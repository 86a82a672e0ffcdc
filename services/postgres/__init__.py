"""PostgreSQL: pool, transient errors, outboxes, leases, migrations."""
