"""Writes the authenticity-gap report from result records."""
