"""Marks, signs, registers and verifies video."""
