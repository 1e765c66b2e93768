"""The encoders of what sounds and of what is said: the paper's, those out of packages, and small ones for tests."""
