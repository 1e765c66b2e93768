"""The losses of training, and the named tensors that they read."""
