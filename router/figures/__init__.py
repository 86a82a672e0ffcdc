"""The month's figures: counts by day and department, without persons."""
