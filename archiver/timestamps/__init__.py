"""Time stamps of an authority on the checkpoints of the log (RFC 3161)."""
