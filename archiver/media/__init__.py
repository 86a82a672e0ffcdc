"""Files that citizens send: fetched in time, looked at, and kept; or kept from everybody."""
