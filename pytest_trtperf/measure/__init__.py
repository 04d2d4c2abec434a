"""Measures a session: rounds of queries under a load, with the device's state around each."""
