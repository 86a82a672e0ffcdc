"""The record: append-only, readable by conversation."""
