"""What comes in: arguments and the caller's identity; one service call each."""
