"""The files at a release's root: their layout, tables, digest and documents."""
