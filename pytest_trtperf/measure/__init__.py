"""A session becomes rounds of traces, under a load and between two looks at the device."""
