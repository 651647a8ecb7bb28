"""The laptop's stack, and the stand-ins for AWS and the source systems."""
