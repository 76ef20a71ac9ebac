"""`python -m benchmarks`: runs every measurement and prints its table."""

from benchmarks import publishing, startup, transfer

if __name__ == "__main__":
    startup.main()
    publishing.main()
    transfer.main()
