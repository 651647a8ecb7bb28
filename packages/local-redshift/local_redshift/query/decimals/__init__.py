"""The precision and scale that Redshift gives computed DECIMALs."""
