"""What a client decides: pure machines, events in, effects out."""
