"""What an operator asks for: pauses, calls for many jobs, replays. Pure."""
