"""The `pydlpar` command."""
