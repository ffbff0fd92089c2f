"""``python -m vista.cli``."""

from vista.cli.main import main

raise SystemExit(main())
