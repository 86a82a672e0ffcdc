"""Everything that leaves: conversations for a depot, a municipality for another installation."""
