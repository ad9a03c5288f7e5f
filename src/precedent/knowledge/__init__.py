"""Team knowledge: items with evidence, their review, their delivery.

Modules by what they answer: `model` what an item is, `visibility` who may see it, `statuses` what may become of it,
`confidence` how sure it is, `scanning` what is suspicious in it, `intake` how findings become items, `review` what
people decide, `versions` what was known when, `bundle` what agents are given.

Must not know: how transcripts are read, HTTP, the command line.
"""
