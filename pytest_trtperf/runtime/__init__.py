"""A plan becomes a session: an engine with concrete shapes and buffers that can be enqueued."""
