"""Phones of citizens."""
