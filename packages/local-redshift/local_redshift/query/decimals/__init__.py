"""The precision and scale of computed DECIMALs on Redshift."""
