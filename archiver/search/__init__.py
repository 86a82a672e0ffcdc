"""Looking in the record: what is asked, in SQL, what is found."""
