#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb
# slow
"""The failures of scenarios_test.py in which servers are filled."""
import sys

import scenarios_test

sys.exit(scenarios_test.main(long_ones=True))
