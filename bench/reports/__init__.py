"""Samples in, tables out. Pure."""
