"""What the pipelines share: from a source to a Redshift table, one batch at a time."""

__version__ = "2.0.0"
