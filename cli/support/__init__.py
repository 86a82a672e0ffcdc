"""Options, database and audit that several commands share."""
