"""API of destruction lists: drawing, looking through, approving, and the declaration."""
