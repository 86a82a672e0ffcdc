"""Packages for an archival depot, read and checked without our code."""
