"""What travels between processes: generated messages and their codec."""
