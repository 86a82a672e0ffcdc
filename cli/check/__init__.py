"""`postkamer check`: find faults and warnings in a configuration."""
