"""Releases as an attacker might write them, made from honest ones, and the commands that are run on them."""
