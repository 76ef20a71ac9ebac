"""`python -m benchmarks`: runs every measurement and prints its table."""

from benchmarks import publishing, pulling, startup, transfer

if __name__ == "__main__":
    startup.main()
    publishing.main()
    pulling.main()
    transfer.main()
