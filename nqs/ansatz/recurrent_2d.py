"""A recurrent state of a rectangular array: cells that remember the site above as well."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from nqs.ansatz.cells import CELLS, Seen
from nqs.ansatz.heads import Headed
from nqs.config.menu import lattice_size


class Recurrent2D(Headed):
    """Recurrent cells that read an array row by row and look up, normalised.

    What is known at a site follows from the memory and bit of the site before it in this order,
    which for the first of a row is the last of the row above, and from those of the site above it,
    which are zero in the first row. The last `columns` memories and bits are kept in a ring. Amplitude and
    phases follow from what is known as in `Recurrent`, so a product state is represented exactly. Cells
    are told 1 / (1 + distance) of all four edges.

    size: rows and columns; a square where left out.
    hidden: units remembered of each site.
    cell: gated, where gates mix the two memories; or tensor, where bits choose the matrices that act on
        them, with twice the parameters.
    phase: False leaves ψ positive.

    Hibat-Allah et al., Phys. Rev. Research 2, 023358 (2020) and arXiv:2207.14314.
    """

    size: tuple[int, ...] = ()
    hidden: int = 32
    cell: str = "gated"

    def setup(self):
        self.array = lattice_size("recurrent-2d", self.sites, self.size)
        small, dtype = nn.initializers.normal(0.1), self.param_dtype
        self.first = self.param("first", small, (self.hidden,), dtype)
        self.learnt = {
            name: self.param(name, initialise, shape, dtype)
            for name, (initialise, shape) in CELLS[self.cell].parameters(self.hidden).items()
        }
        self.add_heads(small, self.hidden)

    def start(self, batch):
        columns = self.array[1]
        known = jnp.broadcast_to(self.first, (batch, self.hidden))
        memories = jnp.zeros((batch, columns, self.hidden), known.dtype)
        return known, memories, jnp.zeros((batch, columns), jnp.int32)

    def next_bit(self, memory, site):
        return self.judged(memory[0], site)

    def advance(self, memory, bit, site):
        columns = self.array[1]
        before, memories, bits = memory
        keep = partial(jax.lax.dynamic_update_index_in_dim, index=site % columns, axis=1)
        memories, bits = keep(memories, before), keep(bits, bit.astype(jnp.int32))
        up = partial(jax.lax.dynamic_index_in_dim, index=(site + 1) % columns, axis=1)
        above, bit_above = up(memories, keepdims=False), up(bits, keepdims=False)
        first_row, edges = site + 1 < columns, self._nearness(site + 1)
        seen = Seen(before, above, bit, bit_above, first_row, edges)
        return CELLS[self.cell].step(self.learnt, seen), memories, bits

    def _nearness(self, site):
        """1 / (1 + distance) of a site to the first and last row and column, (4,)."""
        rows, columns = self.array
        row, column = jnp.divmod(jnp.minimum(site, self.sites - 1), columns)
        distance = jnp.stack([row, rows - 1 - row, column, columns - 1 - column])
        return 1 / (1 + distance).astype(self.param_dtype)
