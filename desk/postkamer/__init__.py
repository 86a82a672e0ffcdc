"""Client of the public APIs of gateway and archiver, with the employee's own token."""
