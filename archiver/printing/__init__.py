"""Printing as PDF for the archive: the pages of others in, bytes out."""
