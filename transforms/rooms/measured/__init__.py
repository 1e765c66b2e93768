"""Measured room responses: SOFA, TAU-SRIR and AmbiX files are read, and their conventions are proven."""
