"""The console of the people who help: what they do, and the pages on which they do it."""
