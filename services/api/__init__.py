"""Description and validation of the JSON APIs."""
