"""help: the commands of ./bot_control.sh, and of `qqqbot` where the program was installed by pip."""

from qqqbot.model.program import COMMAND
from qqqbot.runtime.place import Place

COMMANDS = """\
usage: {program} COMMAND

  start            start the bot in the background; prints its first status
  stop [--force]   stop it (within 10 s); --force kills it if it does not
  restart          stop, then start; a bad config.json is found before anything is stopped
  status [--json]  is it running, what does it hold, what will it do next
                   exit code: 0 healthy, 1 dead or silent, 3 stopped, 4 halted, 5 failing (cannot decide)
  trades [--limit N]   the executed orders
  logs [--lines N]     the newest lines of the log
  tail             follow the log
  performance      what the bot has earned so far
  drift            its decisions and fills compared with the official closes
  why [DATE] [TIME]    why it traded, or did not
  replay [DATE] [TIME] whether today's code would decide the same; exit code 1 if it would not
  web [--port N]   the dashboard, for a browser on this machine; Ctrl-C ends it

  halt [REASON]    stop trading at once, keep watching; open orders are left to finish
  resume           trade again
  adopt [--price [SYMBOL=]PRICE]   the shares differ from the book, and the account is right: record that
  leave            the shares differ from the book, and they are mine: do not touch them
  undo             take back the last adopt, leave or undo
                   each shows the book as it is and as it will be; with --dry-run it records nothing

  notify-test      send a test to each notification channel and ping the dead man's switch
  install-service  run it as a systemd user service: starts with the machine, restarts after a crash
  install-service --page [--port N]   the page as a second service, which needs no terminal

  init             write a config.json with every key at its default
  run              run in the foreground (systemd, Docker)
  once             make one check and show what it decides
  demo [--rule NAME]   a simulated market in fast motion; needs no network and no account
  drill [SCENE]    what you would see when things go wrong, in a sandbox: dead gateway, full disk, kill -9 and more
  backtest         what the rule would have earned
  test [unit]      install what the tests need and run them; unit: only the quick ones; further arguments go to pytest
  update           install newer releases of the libraries than the lock file's, within the ranges of requirements.txt
  help             this text

environment:
  QQQBOT_CONFIG    the configuration (config.json {here})
  QQQBOT_LOGS      the folder of logs and books (logs/ {here})
"""

IN_A_CHECKOUT = """\
  QQQBOT_VENV      the folder of the Python environment (.venv beside this script); the tests have their own, with the
                   same name and -dev
  PYTHON           the Python 3.11+ that makes this environment
"""

SECRETS = """\
  QQQBOT_NOTIFY_URLS, QQQBOT_PING_URL   secrets, if they are not in files: see docs/notifications.md
"""

INSTALLED = """\

Your files are in the folder from which you run {program}. `{program} init` writes a first config.json there.
drill, test and update need a checkout of the project.
"""


def help_text(place: Place) -> str:
    here = "beside this script" if place.in_checkout else "in this folder"
    rest = IN_A_CHECKOUT + SECRETS if place.in_checkout else SECRETS + INSTALLED.format(program=COMMAND)
    return COMMANDS.format(program=COMMAND, here=here) + rest
