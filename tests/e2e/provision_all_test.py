#!/usr/bin/env python3
# deadline: 900
# flavours: mysql mariadb
# slow
"""provision_test.py, and a donor that dies."""
import sys

import provision_test

sys.exit(provision_test.main(all_moments=True))
