"""Options, database access and the audit trail that several commands share."""
