"""The subcommands of `elsa`, a module each."""
