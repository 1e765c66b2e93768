"""SOFA files and the HDF5 that they are, from anybody: rooms and heads are read through these modules."""
