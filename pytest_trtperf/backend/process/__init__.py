"""A session in a process of its own, as trtexec has one."""
