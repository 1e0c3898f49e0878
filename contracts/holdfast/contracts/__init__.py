"""The compiled contracts, with their ABIs, and what loads them."""
