"""Exports of a release into other formats, a module each."""
