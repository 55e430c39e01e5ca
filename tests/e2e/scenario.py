"""What a test tells of a failure that it played through; failures_page.py makes docs/FAILURES.md of it."""
import os
import time
from pathlib import Path

PASSED = 'SCENARIO'


def tell(number, test, flavour, seconds, what):
    """One line of the page. `what`: in one sentence what was done, and what came of it, as it was seen."""
    assert '|' not in what and '\n' not in what, what
    name = f'{Path(test.__code__.co_filename).stem}: {test.__name__}'
    print(f'{PASSED} {number} | {flavour} | {seconds:.1f} | {name} | {what}', flush=True)


def play(box, scenarios):
    """`scenarios`: (number, test) each; a test returns what it has seen, or None where there is nothing for the page."""
    only = os.environ.get('WYE_TEST')
    for number, test in scenarios:
        if only and test.__name__ not in only.split(','):
            continue
        started = time.monotonic()
        what = test(box)
        if what is not None:
            tell(number, test, box.flavour.name, time.monotonic() - started, what)
        print(f'PASS {test.__name__}', flush=True)
