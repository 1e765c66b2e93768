"""The subcommands of ``elsa`` that train a model and use it."""
