"""Foreign texts are washed: whatever they contain, no control characters and no password come through."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qqqbot.runtime.foreign_text import LONGEST, washed

NOTHING: dict[str, str] = {}
PASSWORD = "s3cr3t"


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("  two\r\nlines\tand a tab ", "two lines and a tab"),
        ("\x1b[31mred\x1b[0m and \x9bloud\x07", "red and loud"),
        ("right\u202eto left\u2066 \ufeff", "right to left"),
        ("half a letter \ud83d", "half a letter"),
        ("x" * 500, "x" * (LONGEST - 3) + "..."),
        ("asked https://owner:word@h.example/path", "asked https://***@h.example/path"),
        ("asked https://own@er:wo@rd@h.example/path", "asked https://***@h.example/path"),
        ("mail for owner@h.example", "mail for owner@h.example"),
        (KeyError("A3"), "'A3'"),
    ],
)
def test_a_foreign_text_becomes_one_plain_line(foreign: object, shown: str) -> None:
    assert washed(foreign, NOTHING) == shown


@pytest.mark.parametrize(
    "address",
    [
        f"socks9://user:{PASSWORD}@h:1",
        f"http://user:{PASSWORD}@@ret@h:99999",
        f"http//user:{PASSWORD}@h:1",
        f"http:/user:{PASSWORD}@h:1",
        f"user:{PASSWORD}@h:port",
        f"http://user:{PASSWORD}@[h:1",
        f"http://us er:{PASSWORD} x@h:1",
        f"http://user:{PASSWORD}#h:1",
        f"http://user:{PASSWORD}/x@h:1",
        f"http://user:{PASSWORD}@",
        f"\x1b[31mhttp://user:{PASSWORD}@h",
        f"http://user@{PASSWORD}:h:1",
        f"http://user:{PASSWORD}@proxy.example:3128",
        f"http://{PASSWORD}@proxy.example:3128",
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_no_password_of_a_mistyped_proxy_is_quoted(address: str, name: str) -> None:
    for quoted in (
        address,
        f"in '{address}': Bad user",
        PASSWORD,
        PASSWORD.upper(),
        address[:20],
        f"resolve {address[-9:]}",
    ):
        shown = washed(f"curl: (5) Unsupported proxy syntax {quoted}", {name: address})
        assert shown.startswith("curl: (5) Uns")
        assert not any(PASSWORD[i : i + 3] in shown.lower() for i in range(4)), shown


def test_a_password_that_is_written_in_hex_is_known_in_letters() -> None:
    shown = washed("login pass word denied", {"HTTPS_PROXY": "http://user:pass%20word@h.example:1"})
    assert shown == "login *** denied"


@pytest.mark.parametrize("address", ["http://proxy.example:3128", "proxy.example:3128/", "socks5h://[::1]:1080", ""])
def test_a_proxy_without_a_login_is_quoted(address: str) -> None:
    environment = {"HTTPS_PROXY": address, "NO_PROXY": "example.com,127.0.0.1"}
    text = "Failed to connect over proxy proxy.example:3128, not for example.com"
    assert washed(text, environment) == text


@given(st.text(max_size=400), st.text(max_size=40), st.booleans())
def test_whatever_is_said_and_whatever_the_proxy_is(text: str, proxy: str, quoted: bool) -> None:
    shown = washed(f"{text} '{proxy}'" if quoted else text, {"HTTPS_PROXY": proxy})
    assert len(shown) <= LONGEST
    assert not [letter for letter in shown if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Z")), min_size=3, max_size=12), st.data())
def test_no_three_letters_of_a_login_are_quoted(password: str, data: st.DataObject) -> None:
    form = data.draw(
        st.sampled_from(["http://u:{}@h:x", "{}@@h", "socks5:/{}@h/", "http://u:{}@ho.st:99999999", "u:{}@h:"])
    )
    shown = washed(f"Unsupported proxy syntax in '{form.format(password)}'", {"https_proxy": form.format(password)})
    quoted = shown.partition(" in ")[2].replace("***", "\0")
    assert not any(password[i : i + 3] in quoted for i in range(len(password) - 2))
