"""One module a kind of source: each reads it in constant memory into the lake's raw zone, as the source gave it."""
