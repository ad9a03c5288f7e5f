"""The clock: computes due instants and asks the server for runs over HTTP; knows nothing of the database."""
