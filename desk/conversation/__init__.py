"""One conversation: what is said in it, and what an employee does in it."""
