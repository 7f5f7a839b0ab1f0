"""Edges come in the promised order, each pair once; distances go the shortest way round."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nqs.systems.lattices import chain, from_edges, kagome, lattice, square, triangular


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


@pytest.mark.parametrize(
    "made",
    [triangular(12, 3, True), triangular(3, 11, True), kagome(2, 7, True), square(3, 9, True)],
)
def test_no_way_round_is_shorter(made):
    """Against all ways up to twenty times round, on lattices that are long and skew."""
    apart = made.positions[:, None] - made.positions[None]
    times = np.stack(np.meshgrid(np.arange(-20, 21), np.arange(-20, 21)), axis=-1).reshape(-1, 2)
    ways = [np.linalg.norm(apart + t @ made.periods, axis=-1) for t in times]
    assert_allclose(made.distances(), np.min(ways, axis=0), atol=1e-12)


@pytest.mark.parametrize(("made", "degree"), [(triangular(4, 5, True), 6), (kagome(3, 4, True), 4)])
def test_every_site_has_its_neighbours(made, degree):
    assert (np.bincount(made.edges.reshape(-1)) == degree).all()


def test_a_kagome_has_triangles_that_share_corners():
    assert kagome(1, 2).edges.tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [3, 4], [3, 5], [4, 5]]
    assert triangular(2, 2).edges.tolist() == [[0, 1], [0, 2], [1, 3], [1, 2], [2, 3]]
    assert kagome(2, 2).lengths is None
    assert triangular(2, 3).lengths == (2, 3)


@pytest.mark.parametrize("made", [square(4, 3, True), triangular(3, 4, True), kagome(3, 3, True)])
def test_neighbours_of_first_order_are_the_edges(made):
    edges = np.unique(np.sort(made.edges), axis=0)
    assert made.neighbours(1).tolist() == edges.tolist()


def test_neighbours_of_second_order():
    assert len(square(4, 4, True).neighbours(2)) == 32
    assert len(triangular(6, 6, True).neighbours(2)) == 108
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
