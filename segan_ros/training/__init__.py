"""Training of the networks on scene folders. Needs torch."""
