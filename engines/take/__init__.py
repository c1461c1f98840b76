"""What can be known of a clip without learning."""
