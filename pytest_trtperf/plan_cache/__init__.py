"""Plans on disk: entries, locks, identity, trust and size."""
