"""Detection by a language model, beside the rules.

It reads what the rules heard: the human turns that are stored for search. `windows` cuts a session's turns into parts
and chooses those that are worth a question, `prompt` words it, `answers` checks what comes back against the turns,
`ledger` keeps every answer that was paid for, and `running` does all of it for everybody who allows it.
"""
