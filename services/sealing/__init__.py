"""Working data is sealed under keys that change daily: a stolen disk, back-up or broker file
gives nothing."""
