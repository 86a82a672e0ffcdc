"""Health of our numbers at Meta or a BSP, looked at every hour."""
