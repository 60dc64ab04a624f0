"""Planted bugs: small sabotages of the money path, each of which the simulation must notice.

A mutant is data (`*.toml`); it is made in a copy of the house and played by a process of its own, never here. The proof
that the proof can fail: a mutant that survives means that the oracle is blind, or that the line it breaks is not needed.
Those that another layer makes harmless are kept apart, each with that layer's name (`z_absorbed.toml`); so are those that
no search has found yet, with how far it went (`z_open.toml`): they are shown, and not counted.
"""
