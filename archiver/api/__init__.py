"""HTTP API of the record: messages, conversations and the access log."""
