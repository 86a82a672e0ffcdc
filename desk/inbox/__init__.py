"""What waits for an answer: conversations as the events tell of them, and the lists of them."""
