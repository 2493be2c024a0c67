"""`python -m paperround`."""

from paperround.cli.app import main

main()
