"""`python -m nqs` is the command `nqs`."""

from nqs.cli.main import main

main()
