"""A municipality's own messages, by which its rules are judged: read, judged, compared. Pure."""
