#!/usr/bin/env python3
# deadline: 900
# flavours: mysql mariadb
# slow
"""provision_test.py, and wye killed at many records of the journal, and a donor that dies."""
import sys

import provision_test

sys.exit(provision_test.main(all_moments=True))
