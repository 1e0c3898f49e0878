"""The vault: a node that stores shards and proves that it does."""
