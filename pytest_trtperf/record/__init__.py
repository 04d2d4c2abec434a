"""What a run leaves behind: its data model, the files it is written to, and their history."""
