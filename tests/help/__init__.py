"""Whether the help center finds the right article, and keeps silent where it has none. ``python -m tests.help``."""
