"""The desk under load: employees with open pages, and citizens who write."""
