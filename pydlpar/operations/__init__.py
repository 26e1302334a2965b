"""What the kernel does for each resource: sequences of calls, and their roll-back."""
