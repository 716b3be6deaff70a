"""Texts as they are shown: account ids as 'DU***567', because others may see a screen, and no control characters."""

import re
from string import ascii_uppercase

SIMULATED_ACCOUNT = "simulated"
# Ids of Interactive Brokers are U1234567, F1234567, DU1234567, DUH123456 and the like; other brokers' ids look similar.
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
    """`text` with masks for all that looks like an account id, and for the known `accounts` whatever they look like."""
    for account in sorted(filter(None, accounts), key=len, reverse=True):
        text = text.replace(account, masked(account))
    return _ACCOUNT.sub(r"\1***\2", text)


def without_detail(sentence: str) -> str:
    """`sentence` without a library's own words at its end, such as '[DNSError: ...]'; the log has them."""
    return _DETAIL.sub("", sentence)


def printable(text: str) -> str:
    """`text` with a space for each character that controls a terminal or reverses the direction of writing."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
