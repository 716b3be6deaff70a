"""The fire drill, ./bot_control.sh drill: the real bot in a sandbox folder, with stand-ins that fail."""
