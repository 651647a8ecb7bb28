"""The lake in S3: storage, batches and part files."""
