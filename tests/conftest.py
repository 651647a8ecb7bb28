pytest_plugins = ["local.redshift.testing"]
