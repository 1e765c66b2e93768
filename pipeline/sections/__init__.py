"""The sections of a recipe, one module each, and files of the user's own that they name."""
