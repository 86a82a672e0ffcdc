"""Texts for citizens: their folder, the catalogue and its checks."""
