"""Interactive Brokers' codes: what each means for this bot, in one sentence, and what the owner can do about it.

A code alone never ends an order that the broker has acknowledged: only the order's status, its executions or a complete
answer can. A code that is not in the table says nothing; the order is then looked up.

A code means different things for a request and for an order: 354 for a quote is a missing subscription, 354 for an
order is a precaution of the gateway that stops orders without market data. `code` and `explain` are for requests,
`code_of_order` and `explain_order` for orders.

Texts and classes: https://interactivebrokers.github.io/tws-api/message_codes.html; for codes that are missing there,
reports of users (robcarver17/pysystemtrade#1580 for 10349: treating it as a cancel caused fifteen duplicate fills).
"""

import html
import re
from dataclasses import dataclass
from enum import StrEnum


class Meaning(StrEnum):
    NOTICE = "notice"
    """For information only: an order stays open."""
    REFUSED = "refused"
    """It ends a request, and also an order that the broker has not acknowledged yet."""
    HELD = "held"
    """A precaution of the gateway, or a trouble in it, refused the order, or keeps it and may transmit it later.
    The answer to a cancel ends the order."""
    CANCELLED = "cancelled"
    """The order is cancelled; shares filled before that stay filled."""
    NOT_CANCELLED = "not cancelled"
    """A cancel found nothing to do: the order is looked up."""
    LINE_LOST = "line lost"
    """The gateway has lost Interactive Brokers: nothing it says about orders is current."""
    LINE_RESTORED = "line restored"
    """The gateway has Interactive Brokers again: the bot must ask what happened in the meantime."""
    CONNECTION_ENDED = "connection ended"
    """Our own connection to the gateway is unusable."""
    NO_QUOTES = "no quotes"
    """Live prices are not available from this broker now."""
    UNKNOWN = "unknown"
    """The code is not in the table."""


@dataclass(frozen=True, slots=True)
class Code:
    """`sentence` says what the broker means, `fix` what the owner can do; plain notices may have neither."""

    meaning: Meaning
    sentence: str = ""
    fix: str = ""


_PRESETS = (
    "in the gateway: Configure, API, Precautions: tick 'Bypass Order Precautions for API Orders'; with IBC: "
    "BypassOrderPrecautions=yes"
)
_BLIND = f"{_PRESETS} and AllowBlindTrading=yes"
_PERMISSIONS = "Client Portal, Settings, Trading Permissions: allow US stocks and leveraged exchange traded funds"
_BUG = "report this as a bug"
_SUBSCRIBE = "subscribe to US market data in Client Portal, or ignore this while Yahoo answers"

CODES: dict[int, Code] = {
    100: Code(Meaning.NOTICE, "more than 50 messages a second were sent", _BUG),
    101: Code(Meaning.NO_QUOTES, "all market data lines are in use", "close other programs that watch prices"),
    102: Code(Meaning.REFUSED, "a request number was used twice", _BUG),
    103: Code(Meaning.REFUSED, "the order number was used before", "nothing: the next order uses a higher one"),
    104: Code(Meaning.NOT_CANCELLED, "a filled order cannot be changed"),
    105: Code(Meaning.NOTICE, "a change to the order was refused"),
    106: Code(Meaning.HELD, "the order could not be transmitted", _PRESETS),
    107: Code(Meaning.REFUSED, "the order is incomplete and was not transmitted", _BUG),
    109: Code(Meaning.HELD, "the price is outside the limits of the gateway's presets", _PRESETS),
    110: Code(Meaning.REFUSED, "the price is not a multiple of the contract's price step", _BUG),
    111: Code(Meaning.REFUSED, "the order type does not fit its time in force", _BUG),
    113: Code(Meaning.REFUSED, "the order type needs a time in force of DAY", _BUG),
    116: Code(Meaning.REFUSED, "the exchange accepts no orders now", "wait: the bot tries again"),
    125: Code(Meaning.REFUSED, "the price of the purchase must be the best offer", "set order_type to MKT"),
    126: Code(Meaning.REFUSED, "the price of the sale must be the best bid", "set order_type to MKT"),
    133: Code(Meaning.REFUSED, "the order could not be submitted", "read the broker's text"),
    135: Code(Meaning.NOT_CANCELLED, "the gateway cannot find the order by its number"),
    136: Code(Meaning.NOT_CANCELLED, "the order can no longer be cancelled"),
    154: Code(
        Meaning.REFUSED, "the exchange has halted trading in this security", "wait: the bot tries again after the halt"
    ),
    161: Code(Meaning.NOT_CANCELLED, "the order is not in a state in which it can be cancelled"),
    162: Code(Meaning.REFUSED, "historical data was refused"),
    163: Code(Meaning.HELD, "the price is further from the market than the gateway's presets allow", _PRESETS),
    164: Code(Meaning.HELD, "there is no market data with which the gateway's presets could compare the price", _BLIND),
    165: Code(Meaning.NOTICE, "a note from the historical data service"),
    168: Code(Meaning.REFUSED, "the order's discretionary amount is not a multiple of the price step", _BUG),
    200: Code(Meaning.REFUSED, "the broker does not know this contract", "check that the account may trade US stocks"),
    201: Code(Meaning.REFUSED, "the broker rejected the order", "read the broker's reason; it is in the text"),
    202: Code(Meaning.CANCELLED, "the order was cancelled"),
    203: Code(Meaning.REFUSED, "the account may not trade this security", _PERMISSIONS),
    300: Code(Meaning.REFUSED, "the broker no longer knows the request"),
    303: Code(Meaning.REFUSED, "the order's action is not known", _BUG),
    311: Code(Meaning.REFUSED, "the order's origin is not known", _BUG),
    320: Code(
        Meaning.REFUSED, "the gateway could not read the request", "install the API version that matches the gateway"
    ),
    321: Code(
        Meaning.REFUSED,
        "the gateway did not accept the request",
        "if it mentions Read-Only mode: Configure, API, Settings: untick 'Read-Only API'; otherwise read its text",
    ),
    322: Code(Meaning.REFUSED, "the gateway could not process the request", "if this continues, restart the gateway"),
    326: Code(
        Meaning.CONNECTION_ENDED,
        "another program, or a dead session of this one, is connected with the same client id",
        "close the other program or change ib_client_id; a dead session ends within a minute",
    ),
    327: Code(Meaning.REFUSED, "only client 0 may bind orders entered by hand", _BUG),
    354: Code(Meaning.NO_QUOTES, "there is no subscription to live prices", _SUBSCRIBE),
    355: Code(Meaning.REFUSED, "the order's size does not conform to the market's rule", "read the broker's text"),
    366: Code(Meaning.REFUSED, "there is no such request for historical data"),
    382: Code(Meaning.HELD, "the price is more steps from the market than the gateway's presets allow", _PRESETS),
    383: Code(Meaning.HELD, "the order is larger than the gateway's presets allow", _PRESETS),
    387: Code(Meaning.REFUSED, "the order type is not supported here", "set order_type to the other of MKT and LMT"),
    388: Code(Meaning.REFUSED, "the order is smaller than the minimum size", "raise total_capital"),
    391: Code(Meaning.REFUSED, "the time of the order has the wrong format", _BUG),
    395: Code(Meaning.REFUSED, "the broker has system problems and accepts few orders", "wait: the bot tries again"),
    399: Code(Meaning.NOTICE, "a message about the order, which stays open", "read the broker's text"),
    404: Code(
        Meaning.NOTICE, "the order is held while shares to borrow are located", "the bot never sells short; investigate"
    ),
    412: Code(Meaning.REFUSED, "the contract cannot be traded now", "wait, or check the contract by hand"),
    420: Code(Meaning.REFUSED, "too many requests for prices in a short time", "wait: the bot tries again"),
    426: Code(Meaning.REFUSED, "the account does not have enough shares", "compare the account with status"),
    434: Code(Meaning.REFUSED, "the order's size is zero", _BUG),
    435: Code(Meaning.REFUSED, "the order names no account", "name the account in ib_account"),
    436: Code(Meaning.REFUSED, "the order names no allocation", "name a single account in ib_account"),
    438: Code(Meaning.HELD, "the gateway is locked", "unlock it: in TWS, File, Unlock; or restart it"),
    439: Code(Meaning.REFUSED, "the order's algorithm is invalid", _BUG),
    451: Code(Meaning.HELD, "the order's value is higher than the gateway's presets allow", _PRESETS),
    460: Code(Meaning.REFUSED, "the account has no permission for this trade", "Client Portal: Trading Permissions"),
    461: Code(Meaning.REFUSED, "the order's size is not accepted", "read the broker's text"),
    463: Code(Meaning.REFUSED, "a field of the order is not accepted", "read the broker's text"),
    481: Code(Meaning.NOTICE, "the order's size was reduced"),
    501: Code(Meaning.NOTICE, "the client was already connected"),
    502: Code(
        Meaning.CONNECTION_ENDED,
        "no gateway answers at this host and port",
        "start TWS or IB Gateway, log in, and check ib_host, ib_port and 'Enable ActiveX and Socket Clients'",
    ),
    503: Code(Meaning.REFUSED, "the gateway is too old for this request", "update TWS or IB Gateway"),
    504: Code(Meaning.CONNECTION_ENDED, "the client is not connected"),
    505: Code(Meaning.NOTICE, "the gateway sent a message that this client does not know"),
    1100: Code(
        Meaning.LINE_LOST,
        "the gateway has lost its connection to Interactive Brokers",
        "wait: it comes back on its own; if this lasts, look at the gateway's window (a login?), or restart it",
    ),
    1101: Code(Meaning.LINE_RESTORED, "the gateway is connected to Interactive Brokers again, subscriptions lost"),
    1102: Code(Meaning.LINE_RESTORED, "the gateway is connected to Interactive Brokers again"),
    1300: Code(
        Meaning.CONNECTION_ENDED, "the gateway's port was changed", "set ib_port to the port shown in the gateway"
    ),
    2100: Code(Meaning.NOTICE, "another request took over the account's updates"),
    2102: Code(Meaning.NOTICE, "the order cannot be changed while it is being processed"),
    2103: Code(Meaning.NOTICE, "a market data server is not connected"),
    2104: Code(Meaning.NOTICE, "a market data server is connected"),
    2105: Code(Meaning.NOTICE, "a historical data server is not connected"),
    2106: Code(Meaning.NOTICE, "a historical data server is connected"),
    2107: Code(Meaning.NOTICE, "a historical data server is idle"),
    2108: Code(Meaning.NOTICE, "a market data server is idle"),
    2109: Code(Meaning.NOTICE, "'outside regular trading hours' is ignored for this order"),
    2119: Code(Meaning.NOTICE, "a market data server is being connected"),
    2137: Code(
        Meaning.NOTICE, "the order would turn a long position into a short one", "this should never happen; investigate"
    ),
    2148: Code(Meaning.NOTICE, "a note about an attribute of the order"),
    2157: Code(Meaning.NOTICE, "the contract server is not connected"),
    2158: Code(Meaning.NOTICE, "the contract server is connected"),
    2161: Code(Meaning.NOTICE, "the price was capped by the broker"),
    2176: Code(Meaning.NOTICE, "sizes are rounded down to whole shares for this old API", "install the official API"),
    2188: Code(Meaning.NOTICE, "daily closes arrive, but no prices of the last seconds: there is no subscription"),
    10015: Code(
        Meaning.REFUSED,
        "this login may not trade through the API",
        "log in as a user who may trade (Client Portal: Users & Access Rights); the account must not be IBKR Lite",
    ),
    10090: Code(Meaning.NO_QUOTES, "there is no subscription to some of the live prices", _SUBSCRIBE),
    10147: Code(Meaning.NOT_CANCELLED, "the order to cancel was not found"),
    10148: Code(Meaning.NOT_CANCELLED, "the order cannot be cancelled in its present state"),
    10167: Code(Meaning.NO_QUOTES, "only delayed prices are available", _SUBSCRIBE),
    10168: Code(Meaning.NO_QUOTES, "there is no subscription, and delayed prices are not enabled", _SUBSCRIBE),
    10197: Code(
        Meaning.NO_QUOTES,
        "another session of the same user receives the live prices",
        "log out there, or create a second user for the bot in Client Portal",
    ),
    10234: Code(
        Meaning.REFUSED,
        "the order needs a decision maker (MiFID)",
        "Client Portal: enter who decides the account's investments (MiFID), or ask Interactive Brokers",
    ),
    10243: Code(Meaning.REFUSED, "fractional shares cannot be ordered", _BUG),
    10268: Code(Meaning.REFUSED, "the order has an attribute that is no longer supported", _BUG),
    10285: Code(
        Meaning.NO_QUOTES,
        "this API is too old for prices of stocks that trade in fractional shares",
        "install the official API (ibapi 10.x), or ignore this while Yahoo answers",
    ),
    10311: Code(Meaning.NOTICE, "a note about the fees of direct routing"),
    10328: Code(
        Meaning.HELD,
        "the gateway lost its connection while it had the order",
        "wait: the order is cancelled and looked up; look at the gateway's windows",
    ),
    10335: Code(
        Meaning.HELD,
        "the gateway's order presets contradict each other",
        "in the gateway: Configure, Presets: reset those for stocks",
    ),
    10340: Code(Meaning.REFUSED, "the order has an attribute that is not supported", _BUG),
    10345: Code(Meaning.REFUSED, "the account may not trade this kind of security", _PERMISSIONS),
    10347: Code(Meaning.HELD, "a precaution of the gateway warns of low liquidity", _PRESETS),
    10349: Code(Meaning.NOTICE, "the time in force was set to DAY; the order stays open"),
    10358: Code(Meaning.REFUSED, "fundamental data is no longer provided"),
}
_SAME_AS = {
    105: (329, 462),
    354: (10089,),
    395: (396, 397),
    439: (441, 443),
    1100: (2110,),
    2148: (2168, 2169),
    10090: (10091,),
    10168: (10186,),
    10234: (10235,),
    10243: (*range(10246, 10253), 10318),
    10268: (10269, 10270),
    10311: (10329,),
}
CODES |= {number: CODES[known] for known, numbers in _SAME_AS.items() for number in numbers}

UNKNOWN_CODE = Code(Meaning.UNKNOWN, "this program does not know the code", "read the broker's text")

BLIND = Code(Meaning.HELD, "a precaution of the gateway stops orders without market data", _BLIND)
PRECAUTION = Code(Meaning.HELD, "a precaution of the gateway stops the order", _BLIND)
# Part of every text of a precaution, whatever its code.
PRECAUTIONARY = "precautionary settings"
# "No Trading Permission, Customer Ineligible ... does not have a KID in English" is a sentence of 201.
KID = Code(
    Meaning.REFUSED,
    "the broker does not sell this fund to retail clients of the EU or the UK",
    "only another account helps: see IB_SETUP.md, section 1",
)

# After these codes a request's answer still comes: 2188 precedes the daily bars of an account without a subscription
# (wboayue/rust-ibapi#764).
WARNINGS = range(2100, 2200)

_KID = re.compile(r"\bKID\b|key information document", re.IGNORECASE)
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")


def code(number: int) -> Code:
    return CODES.get(number, UNKNOWN_CODE)


def code_of_order(number: int, text: str) -> Code:
    """The code's meaning for an order: there, a code about quotes comes from a precaution."""
    known = code(number)
    if PRECAUTIONARY in washed(text).lower():
        return known if known.meaning is Meaning.HELD else BLIND if known.meaning is Meaning.NO_QUOTES else PRECAUTION
    if known.meaning is Meaning.NO_QUOTES:
        return BLIND
    return KID if number == 201 and _KID.search(washed(text)) else known


def explain(number: int, text: str) -> str:
    """'326: another program ... is connected with the same client id (the broker's text); what to do'."""
    return _explained(number, text, code(number))


def explain_order(number: int, text: str) -> str:
    """Like `explain`, for a code about an order."""
    return _explained(number, text, code_of_order(number, text))


def washed(text: str) -> str:
    """A text of the broker on one line, without markup and control characters; 202, for one, contains <br>."""
    plain = _MARKUP.sub(" ", html.unescape(text))
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())


def _explained(number: int, text: str, known: Code) -> str:
    said = washed(text)
    sentence = f"{known.sentence} ({said})" if said else known.sentence
    return f"{number}: {sentence}" + (f"; {known.fix}" if known.fix else "")
