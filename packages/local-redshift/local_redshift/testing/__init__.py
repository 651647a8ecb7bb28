"""pytest fixtures for projects that use Redshift."""
