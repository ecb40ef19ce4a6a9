"""Who signs, and whom to trust: keys, certificates and the user's settings."""
