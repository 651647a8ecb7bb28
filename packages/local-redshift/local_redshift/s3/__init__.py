"""The S3 client of COPY and UNLOAD."""
