"""The warehouse: ``statement`` and ``load_sql`` build SQL, the other modules run it."""
