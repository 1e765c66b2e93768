"""Formats of sound files: what their headers say, where their sound stands, and how libsndfile is given all of it."""
