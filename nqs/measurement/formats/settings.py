"""Settings written once per shot, as the list of distinct ones and an index into it."""

import numpy as np

LETTERS = b"IXYZ"
_DIGITS_IN_A_WORD = 31


def distinct_settings(codes: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Distinct settings in alphabetical order and which of them each row is in.

    codes: (rows, sites) positions in LETTERS. The index has shape (rows,), int64.
    """
    rows, sites = codes.shape
    group = np.zeros(rows, np.int64)
    first = np.zeros(1, np.int64)
    for start in range(0, sites, _DIGITS_IN_A_WORD):
        word = np.zeros(rows, np.int64)
        for column in codes[:, start : start + _DIGITS_IN_A_WORD].T:
            word = 4 * word + column
        values, position = np.unique(word, return_inverse=True)
        # Earlier sites weigh more, so groups stay in alphabetical order.
        _, first, group = np.unique(
            group * len(values) + position.reshape(-1), return_index=True, return_inverse=True
        )
        group = group.reshape(-1)
    letters = np.frombuffer(LETTERS, np.uint8)[codes[first]]
    return tuple(row.tobytes().decode() for row in letters), group
