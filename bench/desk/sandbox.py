"""The sandbox with so many employees at its provider.

python -m bench.desk.sandbox COUNT
"""

import sys

from bench.desk.people import at_provider, employees
from cli.main import main
from sandbox.identity.people import PEOPLE

if __name__ == "__main__":
    PEOPLE.update(at_provider(employees(int(sys.argv[1]))))
    main(["sandbox"])
