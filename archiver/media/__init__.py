"""Files that citizens send: fetched before Meta deletes them, scanned, stored or quarantined."""
