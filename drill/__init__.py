"""The fire drill: ./bot_control.sh drill. This very bot, in a sandbox folder, among stand-ins that go wrong."""
