"""Encoders of sound and of text: the paper's, others that come in Python packages, and small ones for tests."""
