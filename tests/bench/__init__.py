"""What a turn costs in CPU, beside what the same machine spends on an echo and on a bare turn. `make bench`."""
