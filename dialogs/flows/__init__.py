"""One file per task: a frame of slots, and `next`, its ladder. Repair is not here; it lives once, in `repair.py`."""
