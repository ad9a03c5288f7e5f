"""The laptop's side: finds what is new in the agents' transcripts and sends it to a server."""
