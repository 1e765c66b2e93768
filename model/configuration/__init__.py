"""What a model, its training and its data are made of, as a YAML file states them."""
