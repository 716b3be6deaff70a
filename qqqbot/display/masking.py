"""Texts as they are shown: account ids as 'DU***567', as others may see a screen; foreign words tamed."""

import re
from string import ascii_uppercase

SIMULATED_ACCOUNT = "simulated"
# Ids of Interactive Brokers are U1234567, F1234567, DU1234567, DUH123456 and the like; other brokers' look similar.
_ACCOUNT = re.compile(r"\b([A-Z]{1,3})\d{2,}(\d{3})\b")
_DETAIL = re.compile(r" \[\w*(Error|Exception|Timeout): .*\]$", re.DOTALL)


def masked(account: str) -> str:
    """'DU***567'; the simulated account's id is not masked."""
    if account == SIMULATED_ACCOUNT:
        return account
    digits = account.lstrip(ascii_uppercase)
    prefix = account[: len(account) - len(digits)]
    return f"{prefix}***{digits[-3:] if len(digits) > 3 else ''}"


def without_accounts(text: str, *accounts: str) -> str:
    """`text` with everything that looks like an account id masked, and the known `accounts` whatever they look like."""
    for account in sorted(filter(None, accounts), key=len, reverse=True):
        text = text.replace(account, masked(account))
    return _ACCOUNT.sub(r"\1***\2", text)


def without_detail(sentence: str) -> str:
    """Without a library's own words about an error of its own, '[DNSError: ...]' at the end; the log has them."""
    return _DETAIL.sub("", sentence)


def printable(text: str) -> str:
    """With spaces for characters that steer a terminal or turn a line round."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
