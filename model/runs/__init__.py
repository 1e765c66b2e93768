"""The files that a training writes into the folder of its run."""
