"""What is said to Redshift: ``sql`` builds statements, the other modules run them."""
