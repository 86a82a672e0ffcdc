"""Requests of data subjects: register, deadlines, letters."""
