"""The seam: what runs an engine, and the only room that knows which backend is in use."""
