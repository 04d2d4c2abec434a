"""One invocation: the controlling process, its workers and hosts, and where results go."""
