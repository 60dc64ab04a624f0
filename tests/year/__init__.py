"""A whole year of one business, in virtual time and bad weather: autopay, reminders and letters over thousands of invoices.

The world is the simulation's; the customers here do nothing but agree once and leave now and then, so that a thousand of
them have a year in minutes. Judged at its end, against the processor's own book and what arrived in mailboxes.
"""
