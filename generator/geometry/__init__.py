"""The shape of a face, and drawing triangles."""
