"""Numbers that are stopped here because their municipality moves to another installation."""
