"""The ledger's rules: pure, deterministic, without I/O."""
