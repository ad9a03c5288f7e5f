"""Where transcripts live: collecting, scrubbing, cataloguing and keeping them."""
