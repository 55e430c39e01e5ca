#!/usr/bin/env python3
# deadline: 900
# flavours: mysql mariadb mysql56
# slow
"""manage_test.py with wye killed after each record of the journal, and with a server that dies for good."""
import sys

import manage_test

sys.exit(manage_test.main(all_moments=True))
