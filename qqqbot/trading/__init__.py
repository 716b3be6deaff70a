"""One check from observation to settled account, the loop that repeats it, the owner's answers.

    engine        Engine.step: observe, decide, execute, until nothing is left to do
    come_back     when the next look is due, while something that has begun is not finished
    executor      an order from intent to outcome; the intent is on disk on the line above the one that sends it
    status_fills  a fill that only the order's status reports
    audit         looks after the fact for what must never happen
    steady_prices  prices while Yahoo has lost a session, or is away
    loop          when the next check is due
    parts         the records and adapters that an engine is put together from
    assembly      an Engine put together over the records of a logs folder
    bookkeeping   splits, dividends and total_capital: what changes the book without an order
    adoption      what adopt, leave and undo record, and what money cannot explain
    answers       one answer of the owner, tried on a copy of the book first, and its screen
    last_seen     the account as the running daemon saw it last, for a dry run of an answer
    asking        a rotation announced to the owner first, and the reply
    apart         for how long the account has not held what the rule wants
    missed        a session that ended without a decision that was due
    standing      what is held and which price would change that, in a sentence
    alerts        reports each kind of trouble once when it begins and once when it ends
    heartbeat     what the daemon writes about itself into status.json

Level-triggered, like a thermostat: each round compares the account as it *is* with the holding the rule *wants*.
Nothing is remembered between rounds that is not on disk, so a restart, a partial fill, a missed night and a trade by
hand are all handled in the same way. No function here asks whether it is live: it is given other objects, that is all.
"""
