"""Destruction of what is due: lists, their approval by several persons, and carrying them out."""
