"""Other people's data sets -> scene folders."""
