"""What stands in for AWS and the outside world, on a laptop and in tests."""
