"""Verification of the log, its keys, the search index, the files and the tables."""
