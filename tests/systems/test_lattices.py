"""Edges come in the promised order, each pair once; distances go the shortest way round."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.systems.lattices import chain, from_edges, lattice, square


def test_edges_run_right_then_down_and_close_last():
    assert chain(4, True).edges.tolist() == [[0, 1], [1, 2], [2, 3], [3, 0]]
    assert square(2, 3).edges.tolist() == [
        [0, 1], [0, 3], [1, 2], [1, 4], [2, 5], [3, 4], [4, 5],
    ]  # fmt: skip
    closing = square(3, 3, True).edges[12:].tolist()
    assert closing == [[2, 0], [5, 3], [6, 0], [7, 1], [8, 6], [8, 2]]


@pytest.mark.parametrize(
    ("made", "edges"),
    [(chain(2, True), 1), (chain(3, True), 3), (square(2, 4, True), 12), (square(4, 4, True), 32)],
)
def test_each_pair_is_joined_once(made, edges):
    """A direction of length two closes on itself: its way round is the edge that is there."""
    assert len(made.edges) == edges
    assert len(np.unique(np.sort(made.edges), axis=0)) == edges


def test_distances_go_the_shortest_way_round():
    assert_allclose(chain(5, True).distances()[0], [0, 1, 2, 2, 1])
    assert_allclose(chain(5).distances()[0], [0, 1, 2, 3, 4])
    assert_allclose(square(3, 4, True).distances()[0, 11], np.sqrt(2))
    assert_allclose(square(3, 4).distances()[0, 11], np.sqrt(4 + 9))


def test_neighbours_of_first_order_are_the_edges():
    made = square(4, 3, True)
    edges = np.unique(np.sort(made.edges), axis=0)
    assert made.neighbours(1).tolist() == edges.tolist()
    assert len(square(4, 4, True).neighbours(2)) == 32
    assert chain(5).neighbours(2).tolist() == [[0, 2], [1, 3], [2, 4]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lattice("cubic", [3]), "unknown lattice 'cubic'; choose one of chain, square"),
        (lambda: lattice("square", [3]), r"size of a square is \[3\]; expected 2"),
        (lambda: chain(1), "at least two sites"),
        (lambda: square(0, 3), "at least two sites"),
        (lambda: from_edges([[0, 0]]), r"edge 0 is \[0, 0\]"),
        (lambda: from_edges([[0, 1], [1, 7]], 4), r"edge 1 is \[1, 7\]; expected .* 0 to 3"),
        (lambda: from_edges([[0, 1], [1, 0]]), r"edge \[0, 1\] is listed twice"),
        (lambda: from_edges([[0.5, 1]]), "not a list of pairs"),
        (lambda: from_edges([[0, 1]]).distances(), "no distances"),
        (lambda: chain(2).neighbours(2), "no neighbours of order 2"),
    ],
)
def test_what_is_no_lattice_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
