"""The point renderer."""
