"""The program's entry point: `paperround` and `python -m paperround`."""


def main() -> None:
    """Run the command line. Ctrl-C ends it quietly, even during the second in which it is imported."""
    try:
        from paperround.cli.app import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
