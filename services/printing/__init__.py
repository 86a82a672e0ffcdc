"""Printing as PDF/A: the pages of others in, bytes out."""
