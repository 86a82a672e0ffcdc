"""Whatever leaves: conversations for a depot, and a municipality for another installation."""
