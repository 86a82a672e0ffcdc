"""Values of working tables that are sealed: the box, and the secrets of destinations."""
