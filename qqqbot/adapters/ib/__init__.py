"""An account at Interactive Brokers: it answers only over a connection on which everything was read.

broker         the Broker port: snapshot, quotes, submit, cancel, find
order_tracker  what the callbacks say about our orders, folded into an Order
execution_time  the moment of an execution, whatever zone the gateway was set to
account        what the account may do and holds: pure functions of the broker's rows
prices         quotes, last trades and daily closes
connection     keeps one connection alive in the background, and reads what was missed after each break
requests       a question to the gateway and its complete answer, or none
silence        the questions that a gateway never answers
transport      the socket, in place of the client's own
orders         the contract and the order as the official client wants them
error_codes    IB's codes: what each means for this bot, in one sentence, and what the owner can do
doctor/        the checks of test_ib_connection.py
"""
