"""Where the rows of a registry are: a database, or somebody else's service."""
