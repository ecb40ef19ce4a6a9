"""The mesh renderer's parts."""
