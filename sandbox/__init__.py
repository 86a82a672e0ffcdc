"""Stand-ins for the outside world, so that all of Postkamer runs on a laptop."""
