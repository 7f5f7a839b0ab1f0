"""A recurrent state of a rectangular array: gated units that remember the site above as well."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from nqs.ansatz.heads import Headed
from nqs.config.menu import lattice_size

_GATES = 4


class Recurrent2D(Headed):
    """Gated recurrent unit that reads an array row by row and looks up, normalised.

    What is known at a site, h, comes from the memory and bit of the site before it in this order,
    which for the first of a row is the last of the row above, and from those of the site above it,
    which are zero in the first row:

        h = u (m h_before + (1 − m) h_above) + (1 − u) tanh(reading + r (C (h_before, h_above) + d))

    with an update u, a mixture m and a reset r of every unit, gates that read the same. The last
    `columns` memories and bits are kept in a ring. Amplitude and phases follow from h as in
    `Recurrent`, so a product state is represented exactly. The gates are told
    1 / (1 + distance) of all four edges.

    size: rows and columns; a square where left out.
    hidden: units remembered of each site.
    phase: False leaves ψ positive.

    After Hibat-Allah et al., Phys. Rev. Research 2, 023358 (2020) and arXiv:2207.14314, where
    neighbours are mixed by a matrix and not by a gate.
    """

    size: tuple[int, ...] = ()
    hidden: int = 32

    def setup(self):
        self.array = lattice_size("recurrent-2d", self.sites, self.size)
        # of two memories that are added: half the square of each
        orthogonal, small = nn.initializers.orthogonal(0.5**0.5), nn.initializers.normal(0.1)
        glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros
        h, dtype = self.hidden, self.param_dtype

        def recur(key, shape, dtype):
            keys = jax.random.split(key, (_GATES, 2))
            return jnp.stack(
                [jnp.concatenate([orthogonal(k, (h, h), dtype) for k in pair]) for pair in keys]
            )

        self.first = self.param("first", small, (h,), dtype)
        self.read_before = self.param("read_before", glorot, (2, _GATES * h), dtype)
        self.read_above = self.param("read_above", glorot, (2, _GATES * h), dtype)
        self.read_edges = self.param("read_edges", zeros, (4, _GATES * h), dtype)
        self.recur = self.param("recur", recur, (_GATES, 2 * h, h), dtype)
        self.recur_bias = self.param("recur_bias", zeros, (h,), dtype)
        self.add_heads(small, h)

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
        both = jnp.concatenate([before, above], axis=1)

        def chosen(table, bit):
            return table[0] + bit[:, None].astype(table.dtype) * (table[1] - table[0])

        # a product for each gate, as in `Recurrent`
        h, edges = self.hidden, self._nearness(site + 1) @ self.read_edges
        in_first_row = site + 1 < columns

        def read(gate):
            part = slice(gate * h, (gate + 1) * h)
            seen = edges[part] + chosen(self.read_before[:, part], bit)
            higher = chosen(self.read_above[:, part], bit_above)
            return seen + jnp.where(in_first_row, 0, higher), both @ self.recur[gate]

        update, mixture, reset = (jax.nn.sigmoid(sum(read(gate))) for gate in range(3))
        seen, remembered = read(3)
        proposal = jnp.tanh(seen + reset * (remembered + self.recur_bias))
        kept = above + mixture * (before - above)
        return proposal + update * (kept - proposal), memories, bits

    def _nearness(self, site):
        """1 / (1 + distance) of a site to the first and last row and column, (4,)."""
        rows, columns = self.array
        row, column = jnp.divmod(jnp.minimum(site, self.sites - 1), columns)
        distance = jnp.stack([row, rows - 1 - row, column, columns - 1 - column])
        return 1 / (1 + distance).astype(self.param_dtype)
