"""Desks, requests and disturbances around a whole installation."""
