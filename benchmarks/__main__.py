"""`python -m benchmarks`: runs every measurement and prints its table."""

from benchmarks import publishing, pulling, startup

if __name__ == "__main__":
    startup.main()
    publishing.main()
    pulling.main()
