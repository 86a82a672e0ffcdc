"""The partition loop: load, decide, commit, publish, acknowledge."""
