"""Opening hours and quiet hours. Pure."""
