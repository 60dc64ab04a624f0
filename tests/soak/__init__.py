"""Real crashes: a real server on real files, or two workers on Redis and PostgreSQL, killed again and again while many
customers pay; then held against the processor's own book. ``make soak`` runs it, ``test_soak`` a handful of kills.
"""
