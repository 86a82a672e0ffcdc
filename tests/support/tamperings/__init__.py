"""Tamperings with the record, as one table: a test of each, and the page for the municipality."""
