"""A chat endpoint: how it is reached, how requests are written for it, and what its replies and errors mean."""
