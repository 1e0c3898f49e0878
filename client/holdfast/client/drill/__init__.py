"""The drill: vaults of a local network are lost and damaged, and it heals itself."""
