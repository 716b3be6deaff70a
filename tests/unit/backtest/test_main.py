"""The command a person runs: tables, JSON, report; a sentence and status 2 for what it cannot examine."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from qqqbot.backtest.__main__ import main
from qqqbot.backtest.prices.table import Prices
from qqqbot.backtest.vectorized import Terms, examine, ideal, look_ahead
from qqqbot.model.values import Rules
from tests.support.price_series import bars_of, random_prices, series, write_bars, write_csv

ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared" / "data"
PRICES = random_prices(1400, tqqq_first=300)


def files_of(folder: Path, prices: Prices = PRICES) -> list[str]:
    qqq = write_csv(folder / "qqq.csv", prices.signal)
    tqqq = write_csv(folder / "tqqq.csv", prices.fund, prices.first)
    return ["--prices", str(qqq), str(tqqq)]


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return main(list(arguments), out, err), out.getvalue(), err.getvalue()


def refused(*arguments: str) -> str:
    """The one sentence on standard error; nothing on standard output, status 2."""
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    return err


def as_json(*arguments: str) -> dict[str, Any]:
    status, out, _ = run(*arguments, "--json")
    assert status == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_tables_say_what_was_earned_and_what_holding_earned(tmp_path: Path) -> None:
    status, out, _ = run(*files_of(tmp_path))
    assert status == 0
    for words in ("Rule, your account", "QQQ held", "TQQQ held", "max DD", "p =", "pairs of averages", "wash sales"):
        assert words in out
    assert "WRONG" not in out


def test_the_numbers_are_those_of_the_engine(tmp_path: Path) -> None:
    found = as_json(*files_of(tmp_path), "--slippage-bps", "5")
    days = examine(PRICES, Rules())
    expected = ideal(days, Terms(slippage=0.0005))[-1]
    assert found["lines"]["Rule, ideal"]["final"] == pytest.approx(expected, rel=1e-9)
    assert found["sessions"] == len(days)


def test_every_way_of_filling_is_answered(tmp_path: Path) -> None:
    given = files_of(tmp_path)
    finals = {
        fill: as_json(*given, "--fill", fill)["lines"]["Rule, ideal"]["final"]
        for fill in ("close", "next_open", "next_close")
    }
    assert len(set(finals.values())) == 3


def test_options_reach_the_rule(tmp_path: Path) -> None:
    given = files_of(tmp_path)
    base = as_json(*given)
    for options in (
        ["--short", "10"],
        ["--long", "60"],
        ["--band", "1"],
        ["--cash-yield", "4"],
        ["--commission", "none"],
    ):
        changed = as_json(*given, *options)
        assert changed["lines"]["Rule, your account"]["final"] != base["lines"]["Rule, your account"]["final"]
    assert as_json(*given, "--risk-free", "5")["lines"]["QQQ held"]["sharpe"] < base["lines"]["QQQ held"]["sharpe"]
    assert "of 5,000" in as_json(*given, "--capital", "5000")["terms"]


def test_look_ahead_is_shown_only_when_asked_for_and_called_wrong(tmp_path: Path) -> None:
    _, out, _ = run(*files_of(tmp_path), "--look-ahead")
    assert "Look-ahead, WRONG, for comparison only" in out
    found = as_json(*files_of(tmp_path), "--look-ahead")["look_ahead"]
    wrong = look_ahead(examine(PRICES, Rules()))
    assert found["wrong"] is True
    assert found["total_return"] == pytest.approx(wrong[-1] - 1)
    assert found["total_return"] > found["right_total_return"]


def test_the_report_is_one_file_that_asks_for_nothing(tmp_path: Path) -> None:
    report = tmp_path / "new folder" / "report.html"
    status, out, _ = run(*files_of(tmp_path), "--look-ahead", "--out", str(report))
    assert status == 0
    assert f"report: {report}" in out
    page = report.read_text()
    assert page.count("<svg") == page.count("</svg>") == 10
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "<script" not in page
    assert "url(" not in page
    for words in (
        "log scale",
        "Drawdown",
        "held: TQQQ",
        "Return of each year",
        "Result of each held period",
        "fragility",
        "WRONG",
    ):
        assert words in page
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page).lower().replace("finance", "").replace("financing", "")


def test_a_report_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    assert "the report cannot be written" in refused(*files_of(tmp_path), "--out", str(tmp_path / "qqq.csv" / "r.html"))


def test_bars_show_when_to_decide(tmp_path: Path) -> None:
    prices = random_prices(400)
    bars = write_bars(tmp_path, bars_of(prices))
    given = [*files_of(tmp_path, prices), "--bars", *map(str, bars)]
    found = as_json(*given)
    assert found["intraday"][0]["decides"] == "every check"
    every, once = (as_json(*given, "--fill", "intraday", "--decide", d) for d in ("every_check", "before_close"))
    assert every["rotations"] > once["rotations"]
    assert str(every["rotations"]) == found["intraday"][0]["moves"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--start", "1990-01-01"], "--start 1990-01-01 is outside the prices"),
        (["--end", "2040-01-01"], "--end 2040-01-01 is outside the prices"),
        (["--long", "1000"], None),
        (["--short", "120", "--long", "30"], "--short must be below --long, was 120 and 30"),
        (["--fill", "intraday"], "--fill intraday needs bars"),
        (["--bars", "no.csv", "no.csv"], "no.csv: there is no such file"),
    ],
)
def test_an_impossible_request_is_refused(tmp_path: Path, options: list[str], sentence: str | None) -> None:
    given = files_of(tmp_path, random_prices(900))
    assert (sentence or "leave 0 to examine with an average of 1000 days") in refused(*given, *options)


@pytest.mark.parametrize(
    "options",
    [
        ["--start", "yesterday"],
        ["--slippage-bps", "-1"],
        ["--cash-yield", "x"],
        ["--short", "2.5"],
        ["--fill", "magic"],
    ],
)
def test_a_mistyped_option_exits_with_2(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*options)
    assert ended.value.code == 2


def test_bad_files_are_refused(tmp_path: Path) -> None:
    good = files_of(tmp_path)
    lines = (tmp_path / "qqq.csv").read_text().splitlines()
    bad = tmp_path / "bad.csv"
    cases = {
        "": "is empty",
        "\n".join(lines[:50]): "TQQQ's first one on",
        "\n".join([lines[0], *lines[:0:-1]]): "sort the rows by date",
        "\n".join([*lines[:9], *lines[8:]]): "appears twice",
        "\n".join(lines).replace(lines[700].split(",")[2], "twelve"): "'twelve'; expected a number",
        "\n".join([*lines[:900], *lines[901:]]): "QQQ has no row for",
    }
    for text, sentence in cases.items():
        bad.write_text(text)
        assert sentence in refused("--prices", str(bad), good[2])
    assert "in the wrong order" in refused("--prices", *files_of(tmp_path, random_prices(900))[:0:-1])


def test_a_later_history_changes_no_past_answer(tmp_path: Path) -> None:
    end = str(PRICES.dates[1000])
    whole = as_json(*files_of(tmp_path), "--end", end)
    (tmp_path / "short").mkdir()
    short = random_prices(1400, tqqq_first=300)
    given = files_of(tmp_path / "short", short)
    for name in ("qqq.csv", "tqqq.csv"):
        path = tmp_path / "short" / name
        path.write_text(
            "".join(line for line in path.read_text().splitlines(True) if line[:10] <= end or line[0] == "d")
        )
    assert as_json(*given) == whole


@pytest.mark.skipif(not REAL.exists(), reason="the recorded prices are not on this machine")
def test_the_popular_table_is_reproduced_on_the_same_prices() -> None:
    given = ["--prices", str(REAL / "qqq_daily.csv"), str(REAL / "tqqq_daily.csv")]
    found = as_json(*given, "--start", "2020-06-24", "--end", "2025-12-05", "--look-ahead")["look_ahead"]
    assert (found["rows"], found["switches"], found["days_in"]) == (1371, 97, [311, 281, 779])
    assert f"{found['total_return']:.2%} {found['max_drawdown']:.2%} {found['sharpe']:.2f}" == "5869.26% -33.29% 2.98"
    assert found["right_total_return"] + 1 == pytest.approx(3.46, abs=0.005)


@pytest.mark.skipif(not REAL.exists(), reason="the recorded prices are not on this machine")
@pytest.mark.parametrize(
    ("fill", "final", "cagr", "volatility", "sharpe", "drawdown"),
    [("close", 16.84, 18.64, 34.6, 0.67, -53.1), ("next_open", 20.17, 19.94, 34.7, 0.70, -56.6)],
)
def test_real_prices_give_the_known_figures(
    fill: str, final: float, cagr: float, volatility: float, sharpe: float, drawdown: float
) -> None:
    given = ["--prices", str(REAL / "qqq_daily.csv"), str(REAL / "tqqq_daily.csv")]
    found = as_json(*given, "--fill", fill)
    line = found["lines"]["Rule, ideal"]
    assert (found["rotations"], round(line["final"], 2)) == (346, final)
    assert [round(100 * line[n], d) for n, d in (("cagr", 2), ("volatility", 1), ("max_drawdown", 1))] == [
        cagr,
        volatility,
        drawdown,
    ]
    assert round(line["sharpe"], 2) == sharpe
    assert round(found["lines"]["QQQ held"]["final"], 2) == 18.84
    assert round(found["lines"]["TQQQ held"]["final"], 1) == 346.2


def test_the_report_shows_a_short_history_without_what_it_cannot_know(tmp_path: Path) -> None:
    report = tmp_path / "r.html"
    status, out, _ = run(*files_of(tmp_path, random_prices(200)), "--out", str(report))
    assert status == 0
    assert "p =" not in out
    assert "Too few sessions" in report.read_text()


def test_a_rule_is_asked_by_its_name(tmp_path: Path) -> None:
    status, out, _ = run(*files_of(tmp_path), "--rule", "qqq-200-band")
    assert status == 0
    for words in ("qqq-200-band, filled at the close", "rules like it", "QQQ held", "before TQQQ"):
        assert words in out


def test_the_default_is_the_same_by_its_name(tmp_path: Path) -> None:
    given = files_of(tmp_path)
    assert as_json(*given, "--rule", "30/120") == as_json(*given)


def test_cash_may_be_parked_with_the_prices_of_a_fund(tmp_path: Path) -> None:
    fund = series("SGOV", [100.0 * (1 + 0.04 / 252) ** n for n in range(len(PRICES))], first=PRICES.dates[0])
    _, qqq, tqqq = files_of(tmp_path)
    sgov = write_csv(tmp_path / "sgov.csv", fund)
    given = ["--prices", qqq, tqqq, f"SGOV={sgov}"]
    plain, parked = as_json("--prices", qqq, tqqq), as_json(*given, "--park", "SGOV")
    assert parked["terms"].startswith("30/120, parked in SGOV,")
    assert parked["lines"]["Rule, ideal"]["final"] > plain["lines"]["Rule, ideal"]["final"]
    assert parked["lines"]["Rule, your account"]["final"] > plain["lines"]["Rule, your account"]["final"]
    assert "SGOV is missing: add SGOV=sgov.csv" in refused("--prices", qqq, tqqq, "--park", "SGOV")
    assert "--park: must be null or one of SGOV, BIL" in refused(*given, "--park", "QQQ")
    assert "there is no cash to park" in refused(*given, "--rule", "ema-5-200", "--park", "SGOV")


def test_a_rule_may_be_spelled_out_or_be_that_of_a_file(tmp_path: Path) -> None:
    given = files_of(tmp_path)
    spelled = '{"slow": "sma200", "enter_pct": 5, "exit_pct": 3, "strong": "TQQQ"}'
    by_name = as_json(*given, "--rule", "qqq-200-band")
    assert as_json(*given, "--rule", spelled) == by_name
    file = tmp_path / "config.json"
    file.write_text(f'{{"rule": {spelled}, "position_size_pct": 1}}')
    assert as_json(*given, "--rule", str(file)) == by_name  # the rule alone: the money is that of the other file
    own = as_json(*given, "--config", str(file), "--rule", "config")
    assert own["terms"].startswith("qqq-200-band,")
    assert own == as_json(*given, "--config", str(file))
    pair = tmp_path / "pair.json"
    pair.write_text('{"short_ma_period": 10, "long_ma_period": 60, "band_pct": 1}')
    assert as_json(*given, "--rule", str(pair)) == as_json(*given, "--short", "10", "--long", "60", "--band", "1")


@pytest.mark.parametrize(
    ("rule", "sentences"),
    [
        ("qq-200", ['--rule: unknown preset "qq-200"; did you mean qqq-200?']),
        ("{", ["--rule {: not valid JSON"]),
        ('{"slow": "sma200", "slow": "sma100", "strong": "TQQQ"}', ["--rule: slow appears twice; keep one"]),
        ('{"slow": "sma0", "strong": "TQQQ", "leave_pct": 3}', ["--rule: slow: must be", "leave_pct: unknown key"]),
        ("x" * 5000, ["unknown preset"]),
    ],
)
def test_a_rule_that_is_none_is_refused_with_every_problem(tmp_path: Path, rule: str, sentences: list[str]) -> None:
    status, out, err = run(*files_of(tmp_path), "--rule", rule)
    assert (status, out) == (2, "")
    assert all(sentence in err for sentence in sentences)


def test_several_rules_stand_in_one_table_over_the_same_sessions(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    rules = ("--rule", "30/120", "--rule", "qqq-200", "--rule", "ema-5-200")
    status, out, _ = run(*files_of(tmp_path), *rules, "--out", str(page))
    assert status == 0
    table = out.splitlines()[3:8]
    assert [line.split()[0] for line in table] == ["30/120", "qqq-200", "ema-5-200", "QQQ", "TQQQ"]
    assert out.count("verdict") == out.count("fragility") == 3
    assert "hindsight" in out
    assert "The rules side by side" in page.read_text(encoding="utf-8")
    each = json.loads(run(*files_of(tmp_path), *rules, "--json")[1])
    assert len({(one["first"], one["last"]) for one in each}) == 1


@pytest.mark.parametrize(
    "rule",
    [
        {"fast": "sma30", "slow": "sma60", "strong": "TQQQ", "enter_pct": 20},  # never bought, nor any rule around it
        {"fast": "sma2", "slow": "sma3", "strong": "TQQQ", "confirm_closes": 10},
        {"fast": "price", "slow": "ema3", "strong": "QQQ", "enter_pct": 20, "exit_pct": 20},
        {"fast": "ema190", "slow": "sma200", "strong": "TQQQ"},
    ],
)
def test_a_rule_at_the_edge_of_the_family_is_examined_whole(tmp_path: Path, rule: dict[str, Any]) -> None:
    asked = (*files_of(tmp_path), "--rule", json.dumps(rule), "--look-ahead")
    status, out, _ = run(*asked, "--out", str(tmp_path / "report.html"))
    assert status == 0
    assert re.search(r"\bnan\b", out) is None
    assert as_json(*asked)["sweep"]["cagr"] >= 0


def test_rules_on_several_indexes_name_their_files(tmp_path: Path) -> None:
    spy, upro = random_prices(700, seed=3), random_prices(700, seed=3)
    for name, prices in (("SPY", spy.signal), ("UPRO", upro.fund), ("QQQ", spy.signal), ("TQQQ", upro.fund)):
        write_csv(tmp_path / f"{name}.csv", prices)
    files = [f"{name}={tmp_path / name}.csv" for name in ("QQQ", "TQQQ", "SPY", "UPRO")]
    status, out, _ = run("--prices", *files, "--rule", "qqq-200", "--rule", "spy-200-upro")
    assert status == 0
    assert "SPY held" in out
    assert "UPRO held" in out
    assert "UPRO is missing" in refused("--prices", *files[:3], "--rule", "spy-200-upro")


def test_intraday_bars_answer_for_any_rule(tmp_path: Path) -> None:
    given = files_of(tmp_path)
    bars = [str(path) for path in write_bars(tmp_path, bars_of(PRICES, first=1350))]
    status, out, _ = run(*given, "--bars", *bars, "--rule", "qqq-200-band")
    assert status == 0
    assert "before the close" in out


def test_periods_and_a_rule_do_not_go_together(tmp_path: Path) -> None:
    assert "--short" in refused(*files_of(tmp_path), "--rule", "qqq-200", "--short", "20")


def test_a_file_named_after_another_fund_is_not_taken_for_the_rules(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    for rules in (["spy-200-upro"], ["30/120", "spy-200-upro"]):
        asked = [word for rule in rules for word in ("--rule", rule)]
        assert "this rule needs SPY, UPRO; is qqq.csv really SPY? Then say so: SPY=" in refused(*files, *asked)
    said = [f"{symbol}={path}" for symbol, path in zip(("SPY", "upro"), files[1:], strict=True)]
    assert run("--prices", *said, "--rule", "spy-200-upro")[0] == 0
    for path, name in zip(files[1:], ("index", "fund"), strict=True):
        Path(path).rename(tmp_path / f"{name}.csv")
    assert run("--prices", *(str(tmp_path / f"{n}.csv") for n in ("index", "fund")), "--rule", "spy-200-upro")[0] == 0
