"""The table of Interactive Brokers' codes: what ends an order, and that every sentence helps."""

import pytest

from qqqbot.adapters.ib.error_codes import CODES, Meaning, code, code_of_order, explain, explain_order, washed

# What users have lost money by reading as a cancel: https://github.com/robcarver17/pysystemtrade/issues/1580
ALIVE_AFTER = (399, 404, 2102, 2109, 2137, 10311, 10329, 10349, 481, 105, 329, 462)
REFUSED_BY = (103, 110, 154, 168, 200, 201, 203, 320, 321, 435, 460, 463, 10015, 10243, 10249, 10268, 10269, 10345)
# TWS may keep what these stop: QuantConnect/Lean.Brokerages.InteractiveBrokers#93, IBC#227, ibind#42.
HELD_BY = (106, 109, 163, 164, 382, 383, 438, 451, 10328, 10335, 10347)
BLIND_TEXT = (
    "You are trying to submit an order without having market data for this instrument. "
    "Restriction is specified in Precautionary Settings of Global Configuration/Presets."
)


@pytest.mark.parametrize("number", ALIVE_AFTER)
def test_a_notice_never_ends_an_order(number: int) -> None:
    assert code(number).meaning is Meaning.NOTICE


@pytest.mark.parametrize("number", REFUSED_BY)
def test_a_refusal_is_recognized(number: int) -> None:
    assert code(number).meaning is Meaning.REFUSED


@pytest.mark.parametrize("number", HELD_BY)
def test_a_precaution_may_keep_the_order(number: int) -> None:
    assert code_of_order(number, "").meaning is Meaning.HELD


@pytest.mark.parametrize("number", [354, 10089, 10167, 10168, 10186, 10197])
def test_a_code_about_quotes_is_a_precaution_under_an_orders_id(number: int) -> None:
    told = explain_order(number, BLIND_TEXT)
    assert code_of_order(number, "").meaning is code_of_order(number, BLIND_TEXT).meaning is Meaning.HELD
    assert "Bypass Order Precautions" in told
    assert "AllowBlindTrading" in told
    assert "subscribe" not in told


def test_a_text_of_the_precautions_has_their_advice_whatever_its_code() -> None:
    assert code_of_order(98765, BLIND_TEXT).meaning is Meaning.HELD
    assert "Bypass Order Precautions" in explain_order(201, BLIND_TEXT)
    assert "larger" in explain_order(383, "The size exceeds 500. Restriction is specified in Precautionary Settings.")


@pytest.mark.parametrize(
    "text",
    [
        "Customer Ineligible. This product does not have a KID in English.",
        "Order rejected - reason: no Key Information Document (KID)",
        "the issuer provides no key<br>information document",
    ],
)
def test_a_missing_key_information_document_is_explained(text: str) -> None:
    told = explain_order(201, text)
    assert "retail clients of the EU" in told


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("limit price<br>at or &lt;b&gt;more&lt;/b&gt; aggressive", "limit price at or more aggressive"),
        ("Order\x07 Message:\n\tBUY\x1b[31m", "Order Message: BUY [31m"),
        ("price < 5 and > 3", "price < 5 and > 3"),
        ("Ordine è rifiutato", "Ordine è rifiutato"),
    ],
)
def test_texts_of_the_broker_are_washed(text: str, plain: str) -> None:
    assert washed(text) == plain
    assert plain in explain(399, text)


def test_a_cancel_that_found_nothing_is_not_a_cancellation() -> None:
    assert {code(n).meaning for n in (135, 136, 161, 10147, 10148)} == {Meaning.NOT_CANCELLED}
    assert code(202).meaning is Meaning.CANCELLED


def test_the_line_to_the_broker_is_lost_and_restored() -> None:
    assert {code(n).meaning for n in (1100, 2110)} == {Meaning.LINE_LOST}
    assert {code(n).meaning for n in (1101, 1102)} == {Meaning.LINE_RESTORED}


def test_a_client_id_in_use_ends_the_connection_and_says_what_to_do() -> None:
    assert code(326).meaning is Meaning.CONNECTION_ENDED
    assert "ib_client_id" in explain(326, "Unable to connect")


def test_missing_quotes_fail_nothing_else() -> None:
    assert {code(n).meaning for n in (354, 10089, 10167, 10168, 10186, 10197, 10285)} == {Meaning.NO_QUOTES}


def test_an_unknown_code_neither_ends_nor_opens_an_order() -> None:
    assert code(98765).meaning is Meaning.UNKNOWN
    assert explain(98765, "something new").startswith("98765: this program does not know the code (something new)")


@pytest.mark.parametrize("number", sorted(CODES))
def test_every_code_has_a_sentence_and_every_problem_a_remedy(number: int) -> None:
    known = CODES[number]
    assert known.sentence
    assert not known.sentence.endswith(".")
    if known.meaning in (Meaning.REFUSED, Meaning.HELD, Meaning.NO_QUOTES):
        assert known.fix or number in (162, 300, 366, 10358)


def test_the_brokers_text_comes_in_one_line() -> None:
    assert explain(399, "Order Message:\nBUY 5 QQQ\nWarning: held") == (
        "399: a message about the order, which stays open "
        "(Order Message: BUY 5 QQQ Warning: held); read the broker's text"
    )


def test_an_empty_text_leaves_no_empty_brackets() -> None:
    assert explain(1101, "") == "1101: the gateway is connected to Interactive Brokers again, subscriptions lost"


def test_markup_hides_no_precaution() -> None:
    text = "Restriction is specified in Precautionary<br>Settings of Global Configuration/Presets."
    assert code_of_order(10999, text).meaning is Meaning.HELD
