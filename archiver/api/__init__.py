"""Reading the record over HTTP."""
