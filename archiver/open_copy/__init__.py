"""Everything of a municipality in open forms: JSON Lines, Parquet, and the files of messages."""
