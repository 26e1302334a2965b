"""Entries of the kernel beside `/sys/kernel/dlpar` and the hotplug interrupt."""
