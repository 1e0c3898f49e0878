#!/bin/sh
# A development chain: gas is free, so that no account needs ether, and a block comes
# every second.
exec anvil --silent --hardfork prague --gas-limit 100000000 --base-fee 0 --gas-price 0 \
  --no-priority-fee --block-time 1 --mixed-mining "$@"
