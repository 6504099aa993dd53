"""A little of what a Python interpreter does all day, to tell one build of it from another. Never to be changed.

Run as a script, without anything of the house and without imports, whose bytecode may or may not be cached. How an
interpreter was compiled changes the instructions of every line by up to a quarter, and what it says of itself does
not always tell.
"""


class _Item:
    def __init__(self, number: int) -> None:
        self.number = number

    def twice(self) -> int:
        return self.number * 2


def main() -> int:
    """The same work each time."""
    total = 0
    for number in range(10_000):
        total += _Item(number).twice()
        row = {"number": number, "text": f"{number:x}"}
        line = ", ".join(f"{key}: {value!r}" for key, value in row.items())
        total += len(line.encode().split(b":"))
    return total


if __name__ == "__main__":
    main()
