"""The program as its users run it; a package, so that its network ends with it."""
