#!/usr/bin/env python3
# deadline: 2400
# flavours: mysql mariadb
# slow
"""killed_test.py with wye killed at each record of the journal: PROVISION by dump and by CLONE, ADD SERVER, and while it undoes."""
import sys

import killed_test

sys.exit(killed_test.main(whole=True))
