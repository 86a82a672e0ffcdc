"""A town on three brokers and two databases, as processes on this machine."""
