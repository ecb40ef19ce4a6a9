"""The mark as a signal: what is sent, how it is found under an unknown geometry and read, and how sure that is."""
