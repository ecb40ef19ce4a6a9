"""Whether two videos show the same content: fingerprints, and how they are compared."""
