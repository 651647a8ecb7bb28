"""The catalogue of tables: contracts and lineage from the files, history and health from the warehouse."""
