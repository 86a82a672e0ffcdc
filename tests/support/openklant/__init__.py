"""Open Klant's stand-in, and a link to it that breaks."""
