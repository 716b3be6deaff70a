"""The fire drill, ./bot_control.sh drill: this bot itself, in a sandbox folder, with stand-ins that fail."""
