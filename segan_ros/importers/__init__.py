"""Data sets of others become scene folders."""
