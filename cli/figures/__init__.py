"""`postkamer figures`: counts without persons for open data, and the algorithm register's entry."""
