"""Tables of SLOs, `*.slo.toml`: what they hold, and the tests that they are."""
