"""The fire drill, ./bot_control.sh drill: this very bot, in a sandbox folder, among stand-ins that fail."""
