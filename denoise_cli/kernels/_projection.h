/* Several iterations of accelerated gradient projection in one walk over the rows, for REAL = float and double: included twice.
 *
 * An iteration's row needs the rows beside it from the iteration before, so iteration t works one row behind iteration t − 1, and all of
 * them on rows that are still in the cache. `now` and `before` swap roles from one iteration to the next. A strip that begins or ends
 * within the picture works, for as many rows as there are iterations, on copies of its neighbour's rows as they were (`halo`): what it
 * writes beyond its own rows is thrown away. Strips therefore do not depend on each other, and change no bit. */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define NAME(x) PASTE(x, SUFFIX)

/* One component (x or y of a channel) of row r, in the picture or in the halo above or below. */
static INLINE REAL *NAME(row_)(const Walk *k, int which, Py_ssize_t d, Py_ssize_t r)
{
    const Py_ssize_t n = k->width;
    if (r >= k->start && r < k->stop) return (REAL *)(which ? k->before : k->now) + (d * k->height + r) * n;
    const Py_ssize_t at = r < k->start ? r - k->first : r - k->stop + (k->start - k->first);
    return (REAL *)k->halo + ((which * 2 * k->channels + d) * k->halo_rows + at) * n;
}

/* The rows of a strip's neighbours, before anybody writes. */
static void NAME(halo_)(const Walk *k)
{
    const Py_ssize_t n = k->width;
    for (int which = 0; which < 2; which++)
        for (Py_ssize_t d = 0; d < 2 * k->channels; d++)
            for (Py_ssize_t r = k->first; r < k->last; r++) {
                if (r >= k->start && r < k->stop) continue;
                memcpy(NAME(row_)(k, which, d, r), (REAL *)(which ? k->before : k->now) + (d * k->height + r) * n, (size_t)n * sizeof(REAL));
            }
}

/* u = f − g/2 of a row, g = Dᵀq; or −(|g| − 1)₊ sign(g)/2. */
static INLINE void NAME(primal_)(const REAL *restrict f, const REAL *restrict x, const REAL *restrict y, const REAL *restrict above,
                                 Py_ssize_t n, int excess, REAL *restrict u)
{
    const REAL half = (REAL)0.5;
    if (excess) {
        u[0] = above[0] - y[0] - x[0];
        for (Py_ssize_t j = 1; j < n; j++) u[j] = above[j] - y[j] - x[j] + x[j - 1];
        for (Py_ssize_t j = 0; j < n; j++) {
            const REAL low = u[j] < -1 ? -1 : u[j], within = low > 1 ? 1 : low;
            u[j] = half * (within - u[j]);
        }
        return;
    }
    u[0] = f[0] - half * (above[0] - y[0] - x[0]);
    for (Py_ssize_t j = 1; j < n; j++) u[j] = f[j] - half * (above[j] - y[j] - x[j] + x[j - 1]);
}

/* p = P(q + ¼ Du) of a row, written to the rows out[0 … 2C−1]; q is destroyed. */
static INLINE void NAME(step_)(REAL *restrict q, const REAL *restrict u, const REAL *restrict below, const Walk *k, const REAL *restrict map,
                               REAL *restrict norms, REAL **out)
{
    const Py_ssize_t n = k->width, C = k->channels;
    const REAL quarter = (REAL)0.25;
    if (k->grouping == VECTOR && C == 1 && !map) { /* by far the most common: in one loop */
        const REAL radius = (REAL)k->weight;
        REAL *restrict x = out[0], *restrict y = out[1];
        const REAL *restrict qx = q, *restrict qy = q + n;
        for (Py_ssize_t j = 0; j + 1 < n; j++) {
            const REAL vx = qx[j] + quarter * (u[j + 1] - u[j]), vy = qy[j] + quarter * (below[j] - u[j]);
            const REAL norm = SQRT(vx * vx + vy * vy), scale = radius / (norm > radius ? norm : radius);
            x[j] = vx * scale;
            y[j] = vy * scale;
        }
        const Py_ssize_t j = n - 1;
        const REAL vy = qy[j] + quarter * (below[j] - u[j]);
        x[j] = 0;
        y[j] = vy < -radius ? -radius : vy > radius ? radius : vy;
        return;
    }
    for (Py_ssize_t c = 0; c < C; c++) {
        REAL *x = q + c * n, *y = q + (C + c) * n;
        const REAL *a = u + c * n, *b = below + c * n;
        for (Py_ssize_t j = 0; j + 1 < n; j++) x[j] += quarter * (a[j + 1] - a[j]);
        for (Py_ssize_t j = 0; j < n; j++) y[j] += quarter * (b[j] - a[j]);
    }
    NAME(project_)(q, k->grouping, map, k->weight, 1.0, C, n, norms, norms + 2 * C * n);
    for (Py_ssize_t d = 0; d < 2 * C; d++) memcpy(out[d], norms + (2 * C + d) * n, (size_t)n * sizeof(REAL));
}

MULTIVERSIONED static int NAME(walk_)(const Walk *k)
{
    const Py_ssize_t C = k->channels, H = k->height, n = k->width, T = k->iterations;
    const REAL *f = k->f, *map = k->weight_map;
    const Py_ssize_t level = 6 * C * n; /* q of two rows, u of two rows */
    REAL *buffer = malloc((size_t)(T * level + 5 * C * n) * sizeof(REAL));
    REAL **out = malloc((size_t)(2 * C) * sizeof(REAL *));
    if (!buffer || !out) {
        free(buffer);
        free(out);
        return -1;
    }
    REAL *norms = buffer + T * level, *zeros = norms + 4 * C * n;
    memset(zeros, 0, (size_t)(C * n) * sizeof(REAL));
    for (Py_ssize_t r = k->first; r < k->last + T; r++)
        for (Py_ssize_t t = 0; t < T; t++) {
            const Py_ssize_t i = r - t;
            /* Valid input of iteration t; at the edge of the picture all of it. */
            const Py_ssize_t from = k->first ? k->first + t : 0, to = k->last < H ? k->last - t : H;
            if (i < from || i > to || (i == to && to < H)) continue;
            REAL *q = buffer + t * level + (i & 1) * 2 * C * n, *q_above = buffer + t * level + ((i + 1) & 1) * 2 * C * n;
            REAL *u = buffer + t * level + 4 * C * n + (i & 1) * C * n, *u_above = buffer + t * level + 4 * C * n + ((i + 1) & 1) * C * n;
            const int now = t & 1;
            if (i < to) {
                const REAL beta = (REAL)k->momentum[t];
                for (Py_ssize_t d = 0; d < 2 * C; d++) {
                    const REAL *restrict a = NAME(row_)(k, now, d, i), *restrict b = NAME(row_)(k, !now, d, i);
                    REAL *restrict p = q + d * n;
                    for (Py_ssize_t j = 0; j < n; j++) p[j] = a[j] + beta * (a[j] - b[j]);
                }
                if (i == from && from > 0) continue; /* only Dᵀ of the next row wants this one */
                for (Py_ssize_t c = 0; c < C; c++)
                    NAME(primal_)(f + (c * H + i) * n, q + c * n, q + (C + c) * n, i == 0 ? zeros : q_above + (C + c) * n, n,
                                    k->excess, u + c * n);
            } else
                memcpy(u, u_above, (size_t)(C * n) * sizeof(REAL)); /* below the last row: no difference */
            if (i - 1 < from + (from > 0)) continue;
            for (Py_ssize_t d = 0; d < 2 * C; d++) out[d] = NAME(row_)(k, !now, d, i - 1);
            NAME(step_)(q_above, u_above, u, k, map ? map + (i - 1) * n : NULL, norms, out);
        }
    free(out);
    free(buffer);
    return 0;
}

/* u = f − Dᵀp/2 with p = `now`, in `picture`; and Σ(u − f)², λR(u), and the dual objective Σ g(f − g/4), g = Dᵀp;
 * and, if asked, Σ (4(P(p + ¼Du) − p))², which is 0 for the solution alone. Under `excess` nothing but Dᵀp, in `picture`. */
MULTIVERSIONED static int NAME(prove_)(const Walk *k)
{
    const Py_ssize_t C = k->channels, H = k->height, n = k->width, plane = H * n;
    const REAL *f = k->f, *p = k->now, *map = k->weight_map;
    REAL *buffer = calloc((size_t)((8 * C + 3) * n), sizeof(REAL));
    if (!buffer) return -1;
    REAL *v = buffer, *norms = v + 2 * C * n, *zeros = norms + 2 * C * n, *squares = zeros + n;
    REAL *g = squares + n, *u = g + n, *moved = u + 2 * C * n; /* two rows of u, by turns */
    double fidelity = 0, regularity = 0, bound = 0, residual = 0;
    for (Py_ssize_t i = k->start; i < k->stop + 1; i++) {
        REAL *row = u + (i & 1) * C * n, *last = u + ((i + 1) & 1) * C * n;
        for (Py_ssize_t c = 0; c < C; c++) {
            if (i >= H) {
                memcpy(row + c * n, last + c * n, (size_t)n * sizeof(REAL));
                continue;
            }
            const REAL *x = p + c * plane + i * n, *y = p + (C + c) * plane + i * n, *a = f + c * plane + i * n;
            REAL *w = row + c * n;
            if (k->excess) {
                if (i < k->stop) NAME(adjoint_)(x, y, i ? y - n : zeros, 0, n, (REAL *)k->picture + c * plane + i * n);
                continue;
            }
            NAME(adjoint_)(x, y, i ? y - n : zeros, 0, n, g);
            for (Py_ssize_t j = 0; j < n; j++) w[j] = a[j] - (REAL)0.5 * g[j];
            if (i >= k->stop) continue;
            memcpy((REAL *)k->picture + c * plane + i * n, w, (size_t)n * sizeof(REAL));
            fidelity += NAME(squared_distance_)(w, a, 1, n, squares);
            bound += NAME(dual_objective_)(g, a, n, squares);
        }
        if (i == k->start || k->excess) continue;
        for (Py_ssize_t c = 0; c < C; c++)
            NAME(differences_)(last + c * n, row + c * n, 0, n, v + c * n, v + (C + c) * n);
        const REAL *row_map = map ? map + (i - 1) * n : NULL;
        NAME(norms_)(v, k->grouping, C, n, norms);
        regularity += NAME(regularity_)(norms, k->grouping, row_map, k->weight, C, n);
        if (!k->residual) continue;
        for (Py_ssize_t d = 0; d < 2 * C; d++)
            for (Py_ssize_t j = 0; j < n; j++) v[d * n + j] = p[d * plane + (i - 1) * n + j] + (REAL)0.25 * v[d * n + j];
        NAME(project_)(v, k->grouping, row_map, k->weight, 1.0, C, n, norms, moved);
        for (Py_ssize_t d = 0; d < 2 * C; d++)
            residual += NAME(squared_distance_)(moved + d * n, p + d * plane + (i - 1) * n, 4, n, squares);
    }
    free(buffer);
    k->sums[3] = residual;
    k->sums[0] = fidelity;
    k->sums[1] = regularity;
    k->sums[2] = bound;
    return 0;
}

#undef NAME
#undef PASTE
#undef PASTE_
