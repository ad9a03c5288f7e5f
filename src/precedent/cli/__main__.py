"""`python -m precedent.cli`."""

from . import main

main()
