"""`python -m paperround`."""

from paperround.cli import main

main()
