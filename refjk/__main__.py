"""`python -m refjk`."""

from refjk.cli.main import main

raise SystemExit(main())
