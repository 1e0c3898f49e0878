"""What a vault decides: pure machines, events in, effects out."""
