"""The shipped example at work, and conversations played at it."""
