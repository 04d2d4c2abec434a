"""A run, or the nights of a series, as one file for a browser that needs no network."""
