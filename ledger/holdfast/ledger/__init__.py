"""The ledger: accounts, registry, deals, settlement, and where they are kept."""
