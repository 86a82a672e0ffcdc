"""From configuration to routing context, and its validation. Pure."""
