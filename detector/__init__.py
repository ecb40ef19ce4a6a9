"""Measures what gives a synthetic face away. Reads pixels and sound, never the bitstream or the provenance."""
