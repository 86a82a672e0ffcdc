"""The archive: an append-only log of encrypted records, and the API that reads it."""
