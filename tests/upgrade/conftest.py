"""The repository that the first version left is data: its tests run in runs of their own."""

collect_ignore = ["first_version"]
