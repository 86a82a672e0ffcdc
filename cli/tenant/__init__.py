"""A municipality as a whole: its move to another installation."""
