"""`postkamer check`: faults and warnings of a configuration."""
