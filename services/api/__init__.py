"""Describing and validating our JSON APIs."""
