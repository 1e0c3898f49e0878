"""Version 1 of the wire: generated message and service stubs."""
