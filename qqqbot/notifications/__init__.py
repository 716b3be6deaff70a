"""Which events the owner is notified of, when, through which channel, and what has arrived.

    notifier         examines the daemon at every heartbeat and sends what is due
    policy           what is sent, when, and in which words: pure
    memory           what has reached the owner, and what is waiting; kept in notices.json
    digest           the weekly message
    evening          the letter after each close
    channels         the owner's channels, one queue each
    outbox           a queue with its own thread, tries and pauses
    deliver          hands one message to one channel, and makes one ping: each as its own process
    replies          asks the owner on the channels that can answer, and collects the replies
    listen           reads one channel's replies, as its own process
    dead_man_switch  an outside address that is pinged while all is well
    last_words       the message and the ping of a daemon that could not start or go on
    try_channels     the command notify-test

The trading loop hands a message over in microseconds and never waits for a channel. No message and no log ever has an
address in it.
"""
