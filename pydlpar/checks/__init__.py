"""What a device tree may be and should not: the rules of `pydlpar.lint()`."""
