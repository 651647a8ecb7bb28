"""What is known about each table: contracts and lineage from the files, history and health from the warehouse."""
