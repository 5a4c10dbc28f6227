"""Builds the sentence encoder under models/encoder: `make encoder`."""
