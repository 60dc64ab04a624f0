"""The other side, pretended: a payment processor, a business portal and a mailbox in a process of their own.

Three apps that share no table, on one port; `services.sandbox.world.build_sandbox` makes them, `python -m
services.sandbox` runs them. Clock and chance are arguments and nothing in here sleeps but `__main__`. The assistant
knows this package only by its HTTP: nothing outside imports it, except tests and simulations.
"""
