"""Every option, declared once and resolved into one value for each measurement."""
