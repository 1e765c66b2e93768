"""What a training keeps in the folder of its run."""
