"""Who somebody is in the record, and all that it has about them."""
