"""How the ledger is, in words: for operators who ask whether all is well."""

from holdfast.ledger.health import ChainHealth, LedgerHealth

NOW = 1_800_000_000.4


def test_a_ledger_that_answers_is_followed() -> None:
    assert LedgerHealth().as_text(NOW) == "followed"


def test_a_chain_tells_its_newest_final_block_and_how_old_that_is() -> None:
    health = LedgerHealth(chain=ChainHealth(151, 1_799_999_100))
    assert health.as_text(NOW) == "followed, final block 151, finality lag 900 s"


def test_a_lost_chain_says_since_when_and_why_and_how_far_it_came() -> None:
    chain = ChainHealth(151, 1_799_999_940)
    health = LedgerHealth(1_799_999_941, "nobody answers", chain)
    assert health.as_text(NOW) == (
        "out of reach since 2027-01-15 07:59:01 UTC, 59 s ago (nobody answers), "
        "final block 151"
    )


def test_what_a_vault_says_comes_back_as_it_was() -> None:
    chain = ChainHealth(151, 1_799_999_940)
    assert LedgerHealth.told(0, "", 151, 1_799_999_940) == LedgerHealth(chain=chain)
    assert LedgerHealth.told(7, "why", 0, 0) == LedgerHealth(7, "why")
