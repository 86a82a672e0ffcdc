"""Open Klant as a destination: a saga of calls that never repeats one."""
