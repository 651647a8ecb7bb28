"""The outside world that the pipelines read from: a production database, a weather service, files dropped in a bucket."""
