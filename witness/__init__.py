"""A witness of logs: it co-signs what continues all that it saw (C2SP: tlog-witness)."""
