"""The whole trip as a user would feel it: held rate, latency, cost, and the same from peers."""
