"""Mistakes in who is shown the page, and in what it says of the bot's health."""

from tests.support.mutants import Mutant

SERVER = "monitoring/web/server.py::"

MUTANTS = (
    Mutant(
        "any cookie will do",
        "monitoring/web/auth.py::Door.remembers",
        'return _same(found.get(name, ""), self.cookie.encode())',
        "return name in found",
    ),
    Mutant(
        "the cookie is the token",
        "monitoring/web/auth.py::Door.__init__",
        'hmac.new(self._token, b"the page\'s cookie", "sha256").hexdigest()',
        "token",
    ),
    Mutant(
        "a token is looked at however many were wrong",
        "monitoring/web/auth.py::Door.opens",
        "if self.is_shut(now):\n        return False",
        "pass",
    ),
    Mutant(
        "once shut, the door stays shut",
        "monitoring/web/auth.py::Door.is_shut",
        " and now - self._wrong[0] < PAUSE",
        "",
    ),
    Mutant(
        "a long token is a strong one",
        "monitoring/web/auth.py::is_weak",
        "return min(len(set(token)), len(steps)) < FEWEST_DIFFERENT or token in (token + token)[1:-1]",
        "return len(steps) < 0",
    ),
    Mutant(
        "whoever comes from this machine is answered",
        SERVER + "_refusal",
        "if path == HEALTH and _is_this_machine(environment):",
        "if _is_this_machine(environment):",
    ),
    Mutant(
        "a foreign page may ask under its own name",
        SERVER + "_is_this_machine",
        "is_loopback(environment.get(\"REMOTE_ADDR\", \"\")) and is_loopback(name)",
        "is_loopback(environment.get(\"REMOTE_ADDR\", \"\"))",
    ),
    Mutant(
        "the token is taken at every address",
        SERVER + "_refusal",
        ' if path == "/" else None\n    if token',
        "\n    if token",
    ),
    Mutant(
        "a script can read the cookie",
        SERVER + "_refusal",
        "HttpOnly; ",
        "",
    ),
    Mutant(
        "what changed is not sent",
        SERVER + "_changed",
        "if new != old",
        "if new == old",
    ),
    Mutant(
        "silent connections keep others out",
        SERVER + "impatient",
        "= True\n\n        def received",
        "= False\n\n        def received",
    ),
    Mutant(
        "a bot that is not healthy is a 200",
        "monitoring/web/metrics.py::health",
        "status.exit_code == 0",
        "status.exit_code < 5",
    ),
    Mutant(
        "Friday's change is today's on a Sunday",
        "monitoring/facts/changes.py::changes",
        "if newest.at >= at else None",
        "if newest else None",
    ),
    Mutant(
        "foreign text turns a line of the page round",
        "monitoring/web/page.py::_shown",
        "printable(without_accounts(html))",
        "without_accounts(html)",
    ),
    Mutant(
        "a program is told NaN",
        "monitoring/facts/answer.py::_plain",
        "not math.isfinite(value)",
        "False",
    ),
    Mutant(
        "what is not known is zero",
        "monitoring/web/metrics.py::_number",
        "None if found is None or not math.isfinite(found) else float(found)",
        "float(found or 0)",
    ),
    Mutant(
        "a halt by the bot is its owner's wish",
        "monitoring/web/page.py::_is_wrong",
        "status.halted_by_owner is not None",
        "True",
    ),
    Mutant(
        "everything wrong is red",
        "monitoring/web/page.py::_problems",
        "if loud and n == 0",
        "if loud or n == 0",
    ),
    Mutant(
        "rotations are folded away",
        "monitoring/facts/dashboard.py::_answer",
        'if row.get("action") == "ROTATE":',
        "if False:",
    ),
    Mutant(
        "a collector that does not read holds the bot up",
        "runtime/daily_log.py::Echo.emit",
        "with contextlib.suppress(OSError):",
        "if True:",
    ),
)  # fmt: skip
