"""Search in the record: the request, its SQL, and the results."""
