"""The source systems that pipelines read from: a production database, a weather service, files in a bucket."""
