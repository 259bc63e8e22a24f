"""What lies on disk: scene folders, shards, bags, results, photographs; readers and writers."""
