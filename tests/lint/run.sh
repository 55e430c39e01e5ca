#!/usr/bin/env bash
# ./dev lint: formatting, the house's rules, syntax of scripts. Every finding is printed; exit code 1 if there is one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
failed=0

mapfile -t sources < <(git ls-files -co --exclude-standard '*.cc' '*.h')
if ! command -v clang-format-14 >/dev/null; then
  echo "clang-format-14 is missing (other versions format differently)"
  failed=1
elif [ ${#sources[@]} -gt 0 ]; then
  clang-format-14 --dry-run -Werror "${sources[@]}" 2>&1 | grep -E ': (error|warning):' | cut -d: -f1 | sort | uniq -c |
    awk '{print $2 ": " $1 " lines are not formatted: ./dev fmt"}'
  [ "${PIPESTATUS[0]}" = 0 ] || failed=1
fi

python3 tests/lint/rooms.py || failed=1
python3 tests/lint/named_tests.py || failed=1
python3 tests/e2e/failures_page.py --check || failed=1
python3 tests/oracle/faults.py --check >/dev/null || { python3 tests/oracle/faults.py --check; failed=1; }

while IFS= read -r script; do
  case $(head -n 1 "$script" | tr -d '\0') in
    '#!'*bash* | '#!/bin/sh'*) bash -n "$script" || failed=1 ;;
  esac
done < <(git ls-files -co --exclude-standard -- dev .ci '*.sh' tests deploy)
mapfile -t scripts < <(git ls-files -co --exclude-standard '*.py')
python3 - "${scripts[@]}" <<'PY' || failed=1
import sys
bad = 0
for path in sys.argv[1:]:
    try:
        compile(open(path, encoding='utf-8').read(), path, 'exec')
    except SyntaxError as error:
        print(f'{path}:{error.lineno}: {error.msg}')
        bad = 1
sys.exit(bad)
PY

[ $failed = 0 ] && echo "lint: nothing found"
exit $failed
