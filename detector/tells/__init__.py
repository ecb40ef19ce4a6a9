"""The tells: one module a family of artifact features."""
