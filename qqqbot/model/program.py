"""How messages name the command that the owner types."""

COMMAND = "qqqbot" if "-packages" in __file__ else "./bot_control.sh"
"""pip installs into site-packages or dist-packages and makes the command `qqqbot`; a checkout has the script"""
