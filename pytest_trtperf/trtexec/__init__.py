"""NVIDIA's dialect: trtexec's command line, and the files it exports."""
