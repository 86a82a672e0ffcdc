"""Kinds of destination, one module or package each."""
