"""trtexec: its command line, and the files that it exports."""
