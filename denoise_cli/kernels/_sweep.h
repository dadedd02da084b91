/* The pass from u to the next right-hand side, and sums over pictures, for REAL = float and double: included twice by _kernels.c.
 *
 * Row by row, so that everything between reading u and writing the right-hand side stays in the first-level cache. The operations, and
 * their order, are those of the NumPy engine and of regularisers.py; sums go through 16 lanes of doubles, added up in a fixed
 * order, so that neither the instruction set nor the number of threads changes a bit. */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define NAME(x) PASTE(x, SUFFIX)

static INLINE double NAME(sum_)(const REAL *restrict a, Py_ssize_t n)
{
    double lanes[LANES] = {0}, total = 0;
    Py_ssize_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int k = 0; k < LANES; k++) lanes[k] += a[j + k];
    for (; j < n; j++) lanes[j % LANES] += a[j];
    for (int k = 0; k < LANES; k++) total += lanes[k];
    return total;
}

/* Σ (by·(a − b))² of a row. */
static INLINE double NAME(squared_distance_)(const REAL *restrict a, const REAL *restrict b, REAL by, Py_ssize_t n, REAL *restrict scratch)
{
    for (Py_ssize_t j = 0; j < n; j++) {
        const REAL distance = by * (a[j] - b[j]);
        scratch[j] = distance * distance;
    }
    return NAME(sum_)(scratch, n);
}

/* The dual objective of squared L2, Σ g(f − g/4) with g = Dᵀp, of a row. */
static INLINE double NAME(dual_objective_)(const REAL *restrict g, const REAL *restrict f, Py_ssize_t n, REAL *restrict scratch)
{
    for (Py_ssize_t j = 0; j < n; j++) scratch[j] = (g[j] * (REAL)-0.25 + f[j]) * g[j];
    return NAME(sum_)(scratch, n);
}

/* Forward differences of one row of one channel. `below` is the next row, or the row itself where there is none. */
static INLINE void NAME(differences_)(const REAL *restrict u, const REAL *restrict below, int periodic, Py_ssize_t n, REAL *restrict x,
                                      REAL *restrict y)
{
    for (Py_ssize_t j = 0; j + 1 < n; j++) x[j] = u[j + 1] - u[j];
    x[n - 1] = periodic ? u[0] - u[n - 1] : 0;
    for (Py_ssize_t j = 0; j < n; j++) y[j] = below[j] - u[j];
}

/* Dᵀp of a row: what stands above is `above`, zeros at the first row of a strip. */
static INLINE void NAME(adjoint_)(const REAL *restrict x, const REAL *restrict y, const REAL *restrict above, int periodic, Py_ssize_t n,
                                  REAL *restrict out)
{
    out[0] = above[0] - y[0] - x[0];
    if (periodic) out[0] += x[n - 1];
    for (Py_ssize_t j = 1; j < n; j++) out[j] = above[j] - y[j] - x[j] + x[j - 1];
}

/* f + Dᵀp·scale of a row. */
static INLINE void NAME(right_side_)(const REAL *restrict x, const REAL *restrict y, const REAL *restrict above, const REAL *restrict f,
                                     REAL scale, int periodic, Py_ssize_t n, REAL *restrict out)
{
    REAL first = above[0] - y[0] - x[0];
    if (periodic) first += x[n - 1];
    out[0] = first * scale + f[0];
    for (Py_ssize_t j = 1; j < n; j++) out[j] = (above[j] - y[j] - x[j] + x[j - 1]) * scale + f[j];
}

/* The norms that groups of differences share: v is 2·C rows (x of every channel, then y), `norms` as many, of which those of the first
 * member of each group are filled. A difference in a group of its own has its absolute value. */
static INLINE void NAME(norms_)(const REAL *restrict v, int grouping, Py_ssize_t C, Py_ssize_t n, REAL *restrict norms)
{
    if (grouping == ALONE) {
        for (Py_ssize_t k = 0; k < 2 * C * n; k++) norms[k] = ABS(v[k]);
    } else if (grouping == SUM) {
        for (int d = 0; d < 2; d++) {
            REAL *q = norms + d * C * n;
            const REAL *p = v + d * C * n;
            for (Py_ssize_t j = 0; j < n; j++) q[j] = ABS(p[j]);
            for (Py_ssize_t c = 1; c < C; c++)
                for (Py_ssize_t j = 0; j < n; j++) q[j] += ABS(p[c * n + j]);
        }
    } else if (grouping == PIXEL) { /* x and y of one channel */
        for (Py_ssize_t k = 0; k < C * n; k++) norms[k] = SQRT(v[k] * v[k] + v[C * n + k] * v[C * n + k]);
    } else if (grouping == VECTOR) { /* x and y of all channels */
        for (Py_ssize_t j = 0; j < n; j++) norms[j] = v[j] * v[j] + v[C * n + j] * v[C * n + j];
        for (Py_ssize_t c = 1; c < C; c++)
            for (Py_ssize_t j = c * n; j < (c + 1) * n; j++) norms[j - c * n] += v[j] * v[j] + v[C * n + j] * v[C * n + j];
        for (Py_ssize_t j = 0; j < n; j++) norms[j] = SQRT(norms[j]);
    } else { /* CHANNELS: one direction of all channels */
        for (int d = 0; d < 2; d++) {
            REAL *q = norms + d * C * n;
            const REAL *p = v + d * C * n;
            for (Py_ssize_t j = 0; j < n; j++) q[j] = p[j] * p[j];
            for (Py_ssize_t c = 1; c < C; c++)
                for (Py_ssize_t j = 0; j < n; j++) q[j] += p[c * n + j] * p[c * n + j];
            for (Py_ssize_t j = 0; j < n; j++) q[j] = SQRT(q[j]);
        }
    }
}

/* Σ of λ·norm over the groups of a row. */
static INLINE double NAME(regularity_)(REAL *restrict norms, int grouping, const REAL *restrict map, double weight, Py_ssize_t C,
                                       Py_ssize_t n)
{
    double total = 0;
    Py_ssize_t groups = grouping == VECTOR ? 1 : grouping == PIXEL ? C : grouping == CHANNELS ? 2 : 2 * C;
    for (Py_ssize_t g = 0; g < groups; g++) {
        REAL *q = norms + (grouping == CHANNELS ? g * C : g) * n;
        if (map)
            for (Py_ssize_t j = 0; j < n; j++) q[j] *= map[j];
        total += NAME(sum_)(q, n);
    }
    return map ? total : total * weight;
}

/* m·|u − f| or m·(u − f)², of a row. */
static INLINE void NAME(fidelity_)(const REAL *restrict u, const REAL *restrict f, int l1, const REAL *restrict m, Py_ssize_t n,
                                   REAL *restrict out)
{
    for (Py_ssize_t j = 0; j < n; j++) {
        const REAL r = u[j] - f[j];
        out[j] = l1 ? ABS(r) : r * r;
    }
    if (m)
        for (Py_ssize_t j = 0; j < n; j++) out[j] *= m[j];
}

/* Σ (u − f)² of a row. */
static INLINE double NAME(squares_)(const REAL *restrict u, const REAL *restrict f, Py_ssize_t n)
{
    double lanes[LANES] = {0}, total = 0;
    Py_ssize_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int l = 0; l < LANES; l++) {
            const REAL d = u[j + l] - f[j + l];
            lanes[l] += (double)d * d;
        }
    for (; j < n; j++) {
        const REAL d = u[j] - f[j];
        lanes[j % LANES] += (double)d * d;
    }
    for (int l = 0; l < LANES; l++) total += lanes[l];
    return total;
}

/* What the nearest point to v with every group's norm ≤ radius has of v: factors in `norms`; where they are of member (d, c). Not ALONE. */
static INLINE void NAME(factors_)(const REAL *restrict v, int grouping, const REAL *restrict map, double weight, double step, Py_ssize_t C,
                                  Py_ssize_t n, REAL *restrict norms)
{
    const REAL radius = (REAL)(weight * step), least = radius > TINY ? radius : TINY, by = (REAL)step;
    NAME(norms_)(v, grouping, C, n, norms);
    Py_ssize_t groups = grouping == VECTOR ? 1 : grouping == PIXEL ? C : 2;
    for (Py_ssize_t g = 0; g < groups; g++) {
        REAL *q = norms + (grouping == SUM || grouping == CHANNELS ? g * C : g) * n;
        if (map)
            for (Py_ssize_t j = 0; j < n; j++) {
                const REAL r = map[j] * by, m = r > TINY ? r : TINY;
                q[j] = r / (q[j] > m ? q[j] : m);
            }
        else
            for (Py_ssize_t j = 0; j < n; j++) q[j] = radius / (q[j] > least ? q[j] : least);
    }
}

static INLINE const REAL *NAME(factor_of_)(const REAL *norms, int grouping, Py_ssize_t d, Py_ssize_t c, Py_ssize_t C, Py_ssize_t n)
{
    return norms + (grouping == VECTOR ? 0 : grouping == PIXEL ? c : d * C) * n;
}

static INLINE REAL NAME(clip_)(REAL v, REAL r)
{
    const REAL low = v < -r ? -r : v;
    return low > r ? r : low;
}

/* w = the nearest point to v with every group's norm ≤ radius: 2·C rows. */
static INLINE void NAME(project_)(const REAL *restrict v, int grouping, const REAL *restrict map, double weight, double step, Py_ssize_t C,
                                  Py_ssize_t n, REAL *restrict norms, REAL *restrict w)
{
    const REAL radius = (REAL)(weight * step), by = (REAL)step;
    if (grouping == ALONE) {
        for (Py_ssize_t k = 0; k < 2 * C; k++)
            for (Py_ssize_t j = 0; j < n; j++) w[k * n + j] = NAME(clip_)(v[k * n + j], map ? map[j] * by : radius);
        return;
    }
    NAME(factors_)(v, grouping, map, weight, step, C, n, norms);
    for (Py_ssize_t d = 0; d < 2; d++)
        for (Py_ssize_t c = 0; c < C; c++) {
            const REAL *q = NAME(factor_of_)(norms, grouping, d, c, C, n), *p = v + (d * C + c) * n;
            REAL *out = w + (d * C + c) * n;
            for (Py_ssize_t j = 0; j < n; j++) out[j] = p[j] * q[j];
        }
}

/* h = v − (1+c)w in v, and the next state from v, w and the anchor, as Step of schedule.py has them. Returns Σ(Kx − z)² if asked. */
static INLINE double NAME(relax_)(REAL *restrict v, const REAL *restrict w, REAL *restrict state, REAL *restrict anchor, const Sweep *k,
                                  REAL *restrict scratch, Py_ssize_t n, int residual)
{
    const REAL a = (REAL)(1 + k->c), b = (REAL)k->from_v, e = (REAL)k->from_w, g = (REAL)k->from_anchor;
    double total = 0;
    if (residual) {
        const REAL rho = (REAL)k->rho, rest = (REAL)(1 - k->rho);
        for (Py_ssize_t j = 0; j < n; j++) {
            const REAL change = w[j] * rho - state[j] + rest * v[j];
            scratch[j] = change * change;
        }
        total = NAME(sum_)(scratch, n);
    }
    if (anchor) {
        if (k->drops_anchor) memcpy(anchor, v, (size_t)n * sizeof(REAL));
        for (Py_ssize_t j = 0; j < n; j++) {
            const REAL old = v[j];
            v[j] = old - a * w[j];
            state[j] = b * old + e * w[j] + g * anchor[j];
        }
    } else if (b == 0 && e == 1)
        for (Py_ssize_t j = 0; j < n; j++) {
            state[j] = w[j];
            v[j] = v[j] - a * w[j];
        }
    else
        for (Py_ssize_t j = 0; j < n; j++) {
            const REAL old = v[j];
            v[j] = old - a * w[j];
            state[j] = b * old + e * w[j];
        }
    return total;
}

/* The same of w = v·q, or of v clipped at map·by or radius where there is no q; in one loop, where nobody else wants w. */
static INLINE void NAME(settle_)(REAL *restrict v, const REAL *restrict q, const REAL *restrict map, REAL by, REAL radius,
                                 REAL *restrict state, const Sweep *k, Py_ssize_t n)
{
    const REAL a = (REAL)(1 + k->c), b = (REAL)k->from_v, e = (REAL)k->from_w;
    const int plain = b == 0 && e == 1;
    for (Py_ssize_t j = 0; j < n; j++) {
        const REAL old = v[j], w = q ? old * q[j] : NAME(clip_)(old, map ? map[j] * by : radius);
        v[j] = old - a * w;
        state[j] = plain ? w : b * old + e * w;
    }
}

/* Du + s of a row. */
static INLINE void NAME(moved_)(const REAL *restrict u, const REAL *restrict below, const REAL *restrict s_x, const REAL *restrict s_y,
                                int periodic, Py_ssize_t n, REAL *restrict x, REAL *restrict y)
{
    for (Py_ssize_t j = 0; j + 1 < n; j++) {
        x[j] = u[j + 1] - u[j] + s_x[j];
        y[j] = below[j] - u[j] + s_y[j];
    }
    x[n - 1] = (periodic ? u[0] - u[n - 1] : 0) + s_x[n - 1];
    y[n - 1] = below[n - 1] - u[n - 1] + s_y[n - 1];
}

/* What d = u − f adds to the right-hand side of a row, and its next state. */
static INLINE void NAME(split_)(const REAL *restrict u, const REAL *restrict f, const REAL *restrict m, REAL *restrict state, const Sweep *k,
                                Py_ssize_t n, REAL *restrict out)
{
    const REAL a = (REAL)(1 + k->c), b = (REAL)k->from_v, e = (REAL)k->from_w, rho = (REAL)k->rho, beta = (REAL)k->beta;
    const REAL radius = (REAL)(1 / (k->beta * k->rho)), factor = (REAL)(2 / (2 + k->beta));
    const int plain = b == 0 && e == 1, l1 = k->l1;
    for (Py_ssize_t j = 0; j < n; j++) {
        const REAL v = u[j] - f[j] + state[j];
        const REAL w = l1 ? NAME(clip_)(v, m ? m[j] * radius : radius) : v * (m ? 2 * m[j] / (2 * m[j] + beta) : factor);
        state[j] = plain ? w : b * v + e * w;
        out[j] += (v - a * w) * rho;
    }
}

/* (ρv − prox(ρv))/ρ of a row of d; not where channels are summed. */
static INLINE void NAME(dual_part_)(const REAL *restrict v, const REAL *restrict m, const Sweep *k, Py_ssize_t n, REAL *restrict w)
{
    if (k->l1) {
        const REAL by = (REAL)(1 / (k->beta * k->rho));
        for (Py_ssize_t j = 0; j < n; j++) w[j] = NAME(clip_)(v[j], m ? m[j] * by : by);
    } else {
        const REAL beta = (REAL)k->beta, by = (REAL)(2 / (2 + k->beta));
        for (Py_ssize_t j = 0; j < n; j++) w[j] = v[j] * (m ? 2 * m[j] / (2 * m[j] + beta) : by);
    }
}

/* The same as split_, of v and its dual part w, and what a certificate wants: f + d, the multiplier of d, and Σ(Kx − z)², which is returned.
 * Destroys v. */
static INLINE double NAME(split_and_tell_)(REAL *restrict v, const REAL *restrict w, const REAL *restrict f, REAL *restrict state,
                                           REAL *restrict anchor, REAL *restrict picture, REAL *restrict derivative, const Sweep *k,
                                           REAL *restrict scratch, Py_ssize_t n, REAL *restrict out)
{
    const REAL rho = (REAL)k->rho, to_multiplier = (REAL)(k->beta * k->rho);
    if (picture)
        for (Py_ssize_t j = 0; j < n; j++) picture[j] = f[j] + (v[j] - w[j]) * rho;
    if (derivative)
        for (Py_ssize_t j = 0; j < n; j++) derivative[j] = w[j] * to_multiplier;
    const double primal = NAME(relax_)(v, w, state, anchor, k, scratch, n, derivative != NULL);
    for (Py_ssize_t j = 0; j < n; j++) out[j] += v[j] * rho;
    return primal;
}

/* A row that is wanted soon, into the second-level cache. */
static INLINE void NAME(fetch_)(const REAL *row, Py_ssize_t n)
{
    for (Py_ssize_t j = 0; j < n; j += 64 / (Py_ssize_t)sizeof(REAL)) PREFETCH(row + j);
}

/* What is kept from row to row of a strip: the rows above, and sums. Row i of channel c of u is at u + c·u_plane + (i − u_first)·n. */
typedef struct {
    const REAL *u;
    Py_ssize_t u_plane, u_first;
    REAL *v, *w, *norms, *above, *above_w, *v_d, *w_d, *scratch, *magnitude;
    double cost, primal, error;
} NAME(Rows);

static INLINE int NAME(begin_)(NAME(Rows) *rows, const Sweep *k)
{
    const Py_ssize_t C = k->channels, n = k->width;
    REAL *buffer = calloc((size_t)((10 * C + 4) * n), sizeof(REAL));
    if (!buffer) return -1;
    rows->v = buffer;
    rows->w = rows->v + 2 * C * n;
    rows->norms = rows->w + 2 * C * n;
    rows->above = rows->norms + 2 * C * n;
    rows->above_w = rows->above + C * n;
    rows->v_d = rows->above_w + C * n;
    rows->w_d = rows->v_d + C * n;
    rows->scratch = rows->w_d + C * n;
    rows->magnitude = rows->scratch + n;
    rows->cost = rows->primal = rows->error = 0;
    rows->u = k->u;
    rows->u_plane = k->height * n;
    rows->u_first = 0;
    return 0;
}

/* Rows from … to of the strip: from u to the right-hand side. */
static INLINE void NAME(sweep_)(const Sweep *k, NAME(Rows) *rows, Py_ssize_t from, Py_ssize_t to)
{
    const Py_ssize_t C = k->channels, H = k->height, n = k->width, plane = H * n, stride = k->stride;
    const Py_ssize_t u_plane = rows->u_plane, u_first = rows->u_first;
    const REAL *u = rows->u, *f = k->f, *map = k->weight_map, *m = k->fidelity_map, *clean = k->clean;
    REAL *s = k->s, *rhs = k->rhs, *s_d = k->s_d, *anchor = k->anchor;
    REAL *divergence = k->divergence, *derivative = k->derivative, *picture = k->picture, *multiplier = k->multiplier;
    const REAL to_rhs = (REAL)k->to_rhs, to_dual = (REAL)k->to_dual, curvature = (REAL)k->curvature;
    REAL *v = rows->v, *w = rows->w, *norms = rows->norms, *above = rows->above, *above_w = rows->above_w;
    REAL *v_d = rows->v_d, *w_d = rows->w_d, *scratch = rows->scratch, *magnitude = rows->magnitude;
    double cost = rows->cost, primal = rows->primal;
    const int swift = !anchor && !divergence;

    for (Py_ssize_t i = from; i < to; i++) {
        const Py_ssize_t next = i + 1 < H ? i + 1 : k->periodic ? 0 : i;
        const REAL *below = k->below && i + 1 == k->stop ? k->below : u + (next - u_first) * n;
        const Py_ssize_t apart = k->below && i + 1 == k->stop ? stride : u_plane;
        const int ahead = i + 1 < k->stop;
        for (Py_ssize_t c = 0; c < C && ahead; c++) {
            NAME(fetch_)(f + c * plane + (i + 1) * n, n);
            if (s_d) NAME(fetch_)(s_d + c * plane + (i + 1) * n, n);
            if (s_d && anchor) NAME(fetch_)(anchor + (2 * C + c) * plane + (i + 1) * n, n);
        }
        const REAL *row_map = map ? map + i * n : NULL, *row_m = m ? m + i * n : NULL;
        for (Py_ssize_t c = 0; c < C; c++) {
            const REAL *p = u + c * u_plane + (i - u_first) * n, *q = below + c * apart;
            if (k->tally)
                NAME(differences_)(p, q, k->periodic, n, v + c * n, v + (C + c) * n);
            else
                NAME(moved_)(p, q, s + c * plane + i * n, s + (C + c) * plane + i * n, k->periodic, n, v + c * n, v + (C + c) * n);
        }
        if (k->tally) { /* the cost of u, and F'(u) */
            NAME(norms_)(v, k->grouping == SUM ? ALONE : k->grouping, C, n, norms);
            cost += NAME(regularity_)(norms, k->grouping == SUM ? ALONE : k->grouping, row_map, k->weight, C, n);
            for (Py_ssize_t c = 0; c < C; c++) {
                const REAL *p = u + c * u_plane + (i - u_first) * n, *q = f + c * plane + i * n;
                NAME(fidelity_)(p, q, k->l1, row_m, n, scratch);
                cost += NAME(sum_)(scratch, n);
                if (clean) rows->error += NAME(squares_)(p, clean + c * plane + i * n, n);
                if (derivative && !s_d) {
                    REAL *out = derivative + c * plane + i * n;
                    for (Py_ssize_t j = 0; j < n; j++) out[j] = (p[j] - q[j]) * curvature;
                }
            }
        }
        for (Py_ssize_t d = 0; d < 2 * C && k->tally; d++) {
            const REAL *state = s + d * plane + i * n;
            REAL *p = v + d * n;
            for (Py_ssize_t j = 0; j < n; j++) p[j] += state[j];
        }
        for (Py_ssize_t d = 0; d < 2 * C && ahead; d++) {
            NAME(fetch_)(s + d * plane + (i + 1) * n, n);
            if (anchor) NAME(fetch_)(anchor + d * plane + (i + 1) * n, n);
        }
        if (swift) {
            if (k->grouping != ALONE) NAME(factors_)(v, k->grouping, row_map, k->weight, k->step, C, n, norms);
            for (Py_ssize_t d = 0; d < 2 * C; d++)
                NAME(settle_)(v + d * n, k->grouping == ALONE ? NULL : NAME(factor_of_)(norms, k->grouping, d / C, d % C, C, n), row_map,
                              (REAL)k->step, (REAL)(k->weight * k->step), s + d * plane + i * n, k, n);
        } else {
            NAME(project_)(v, k->grouping, row_map, k->weight, k->step, C, n, norms, w);
            for (Py_ssize_t d = 0; d < 2 * C && multiplier; d++)
                for (Py_ssize_t j = 0; j < n; j++) multiplier[d * plane + i * n + j] = w[d * n + j] * to_dual;
            if (divergence)
                for (Py_ssize_t c = 0; c < C; c++) {
                    REAL *out = divergence + c * plane + i * n;
                    NAME(adjoint_)(w + c * n, w + (C + c) * n, above_w + c * n, k->periodic, n, out);
                    for (Py_ssize_t j = 0; j < n; j++) out[j] *= to_dual;
                    memcpy(above_w + c * n, w + (C + c) * n, (size_t)n * sizeof(REAL));
                }
            for (Py_ssize_t d = 0; d < 2 * C; d++)
                primal += NAME(relax_)(v + d * n, w + d * n, s + d * plane + i * n, anchor ? anchor + d * plane + i * n : NULL, k, scratch, n,
                                       derivative != NULL);
        }
        for (Py_ssize_t c = 0; c < C; c++) {
            const REAL *q = f + c * plane + i * n;
            REAL *out = rhs + (c * H + i) * stride;
            NAME(right_side_)(v + c * n, v + (C + c) * n, above + c * n, q, to_rhs, k->periodic, n, out);
            memcpy(above + c * n, v + (C + c) * n, (size_t)n * sizeof(REAL));
        }
        if (!s_d) continue;
        if (swift && !(k->l1 && k->grouping == SUM && C > 1)) {
            for (Py_ssize_t c = 0; c < C; c++)
                NAME(split_)(u + c * u_plane + (i - u_first) * n, f + c * plane + i * n, row_m, s_d + c * plane + i * n, k, n,
                             rhs + (c * H + i) * stride);
            continue;
        }

        for (Py_ssize_t c = 0; c < C; c++) {
            const REAL *p = u + c * u_plane + (i - u_first) * n, *q = f + c * plane + i * n, *state = s_d + c * plane + i * n;
            REAL *out = v_d + c * n;
            for (Py_ssize_t j = 0; j < n; j++) out[j] = p[j] - q[j] + state[j];
        }
        if (k->l1 && k->grouping == SUM && C > 1) {
            for (Py_ssize_t j = 0; j < n; j++) magnitude[j] = ABS(v_d[j]);
            for (Py_ssize_t c = 1; c < C; c++)
                for (Py_ssize_t j = 0; j < n; j++) magnitude[j] += ABS(v_d[c * n + j]);
            for (Py_ssize_t j = 0; j < n; j++) {
                const REAL one = (REAL)(1 / (k->beta * k->rho)), r = row_m ? row_m[j] * one : one;
                magnitude[j] = r / (magnitude[j] > r ? magnitude[j] : r);
            }
            for (Py_ssize_t c = 0; c < C; c++)
                for (Py_ssize_t j = 0; j < n; j++) w_d[c * n + j] = v_d[c * n + j] * magnitude[j];
        } else
            for (Py_ssize_t c = 0; c < C; c++) NAME(dual_part_)(v_d + c * n, row_m, k, n, w_d + c * n);
        for (Py_ssize_t c = 0; c < C; c++) {
            const Py_ssize_t at = c * plane + i * n;
            primal += NAME(split_and_tell_)(v_d + c * n, w_d + c * n, f + at, s_d + at, anchor ? anchor + 2 * C * plane + at : NULL,
                                            picture ? picture + at : NULL, derivative ? derivative + at : NULL, k, scratch, n,
                                            rhs + (c * H + i) * stride);
        }
    }
    rows->cost = cost;
    rows->primal = primal;
}

/* What the last row owes to the next strip, and the sums. */
static INLINE void NAME(end_)(const Sweep *k, NAME(Rows) *rows)
{
    const size_t row = (size_t)k->width * sizeof(REAL);
    for (Py_ssize_t c = 0; c < k->channels; c++) {
        memcpy((REAL *)k->spill + c * k->stride, rows->above + c * k->width, row);
        if (k->divergence) memcpy((REAL *)k->spill_w + c * k->width, rows->above_w + c * k->width, row);
    }
    free(rows->v);
    k->sums[0] = rows->cost;
    k->sums[1] = rows->primal;
    k->sums[2] = rows->error;
}

/* Row sums of F and λR of a picture: k->u against k->f. */
MULTIVERSIONED static int NAME(cost_)(const Sweep *k)
{
    const Py_ssize_t C = k->channels, H = k->height, n = k->width, plane = H * n;
    const REAL *u = k->u, *f = k->f, *map = k->weight_map, *m = k->fidelity_map;
    const int grouping = k->grouping == SUM ? ALONE : k->grouping;
    REAL *v = malloc((size_t)((4 * C + 1) * n) * sizeof(REAL));
    if (!v) return -1;
    REAL *norms = v + 2 * C * n, *scratch = norms + 2 * C * n;
    double fidelity = 0, regularity = 0;
    for (Py_ssize_t i = k->start; i < k->stop; i++) {
        const Py_ssize_t next = i + 1 < H ? i + 1 : k->periodic ? 0 : i;
        for (Py_ssize_t c = 0; c < C; c++)
            NAME(differences_)(u + c * plane + i * n, u + c * plane + next * n, k->periodic, n, v + c * n, v + (C + c) * n);
        NAME(norms_)(v, grouping, C, n, norms);
        regularity += NAME(regularity_)(norms, grouping, map ? map + i * n : NULL, k->weight, C, n);
        for (Py_ssize_t c = 0; c < C; c++) {
            NAME(fidelity_)(u + c * plane + i * n, f + c * plane + i * n, k->l1, m ? m + i * n : NULL, n, scratch);
            fidelity += NAME(sum_)(scratch, n);
        }
    }
    free(v);
    k->sums[0] = fidelity;
    k->sums[1] = regularity;
    return 0;
}

/* The lower bound of unweighted fidelities, g = Dᵀp in k->divergence, and Σ(F' + g)² if k->derivative is there. */
MULTIVERSIONED static int NAME(bound_)(const Sweep *k)
{
    const Py_ssize_t C = k->channels, n = k->width, plane = k->height * n;
    REAL *scratch = malloc((size_t)n * sizeof(REAL));
    if (!scratch) return -1;
    double bound = 0, dual = 0;
    for (Py_ssize_t c = 0; c < C; c++) {
        const REAL low = (REAL)k->box[2 * c], high = (REAL)k->box[2 * c + 1];
        for (Py_ssize_t i = k->start; i < k->stop; i++) {
            const REAL *g = (REAL *)k->divergence + c * plane + i * n, *f = (const REAL *)k->f + c * plane + i * n;
            if (k->l1)
                for (Py_ssize_t j = 0; j < n; j++) {
                    const REAL a = g[j] * f[j], b = ABS(low - f[j]) + g[j] * low, e = ABS(high - f[j]) + g[j] * high;
                    const REAL t = a < b ? a : b;
                    scratch[j] = t < e ? t : e;
                }
            else
                for (Py_ssize_t j = 0; j < n; j++) scratch[j] = (g[j] * (REAL)-0.25 + f[j]) * g[j];
            bound += NAME(sum_)(scratch, n);
            if (k->derivative) {
                const REAL *p = (REAL *)k->derivative + c * plane + i * n;
                for (Py_ssize_t j = 0; j < n; j++) scratch[j] = (p[j] + g[j]) * (p[j] + g[j]);
                dual += NAME(sum_)(scratch, n);
            }
        }
    }
    free(scratch);
    k->sums[0] = bound;
    k->sums[1] = dual;
    return 0;
}

/* Σ (u − f)². */
MULTIVERSIONED static int NAME(distance_)(const Sweep *k)
{
    const Py_ssize_t n = k->width, plane = k->height * n;
    double total = 0;
    for (Py_ssize_t c = 0; c < k->channels; c++)
        for (Py_ssize_t i = k->start; i < k->stop; i++)
            total += NAME(squares_)((const REAL *)k->u + c * plane + i * n, (const REAL *)k->f + c * plane + i * n, n);
    k->sums[0] = total;
    return 0;
}

#undef NAME
#undef PASTE
#undef PASTE_
