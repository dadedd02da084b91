/* An iteration of split Bregman on a volume, for REAL = float and double: what _sweep.h does with rows, done with planes.
 *
 * The solve takes the rows and the columns of each plane to frequencies; along the third axis it is the recursion of columns_, to which a
 * plane is one row. A strip is a number of planes: one comes back from frequencies, the one before it is swept to the next right-hand side
 * and goes to frequencies again, while both are in the cache. What the strip needs of the plane after it is copied before; what its last plane
 * owes to the strip after it is added after. In a Sweep, `height` counts the planes, and `width` the voxels of one. */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define NAME(x) PASTE(x, SUFFIX)

/* Du + s of a row of one channel; `below` is the next row and `ahead` that of the next plane, the row itself where there is none. */
static INLINE void NAME(volume_moved_)(const REAL *restrict u, const REAL *restrict below, const REAL *restrict ahead,
                                       const REAL *restrict s_x, const REAL *restrict s_y, const REAL *restrict s_z, const Sweep *k,
                                       REAL *restrict x, REAL *restrict y, REAL *restrict z)
{
    const Py_ssize_t n = k->columns;
    const REAL wx = (REAL)k->along[0], wy = (REAL)k->along[1], wz = (REAL)k->along[2];
    for (Py_ssize_t j = 0; j + 1 < n; j++) x[j] = wx * (u[j + 1] - u[j]) + s_x[j];
    x[n - 1] = (k->periodic ? wx * (u[0] - u[n - 1]) : 0) + s_x[n - 1];
    for (Py_ssize_t j = 0; j < n; j++) y[j] = wy * (below[j] - u[j]) + s_y[j];
    for (Py_ssize_t j = 0; j < n; j++) z[j] = wz * (ahead[j] - u[j]) + s_z[j];
}

/* volume_moved_, volume_factors_ and settle_ of a row of one channel whose differences share a norm, in two loops: h in x, y and z, and the
 * next state. What those give, but for the sign of a zero. */
static INLINE void NAME(volume_settle_)(const REAL *restrict u, const REAL *restrict below, const REAL *restrict ahead,
                                        const REAL *restrict map, const int mapped, REAL *restrict s_x, REAL *restrict s_y,
                                        REAL *restrict s_z, const Sweep *k, REAL *restrict x, REAL *restrict y, REAL *restrict z)
{
    const Py_ssize_t n = k->columns;
    const REAL wx = (REAL)k->along[0], wy = (REAL)k->along[1], wz = (REAL)k->along[2], by = (REAL)k->step;
    const REAL radius = (REAL)(k->weight * k->step), a = (REAL)(1 + k->c), b = (REAL)k->from_v, e = (REAL)k->from_w;
    for (Py_ssize_t j = 0; j + 1 < n; j++) x[j] = wx * (u[j + 1] - u[j]) + s_x[j];
    x[n - 1] = (k->periodic ? wx * (u[0] - u[n - 1]) : 0) + s_x[n - 1];
    INDEPENDENT_TO_GCC
    for (Py_ssize_t j = 0; j < n; j++) {
        const REAL vx = x[j], vy = wy * (below[j] - u[j]) + s_y[j], vz = wz * (ahead[j] - u[j]) + s_z[j];
        const REAL r = mapped ? map[j] * by : radius, least = r > TINY ? r : TINY, norm = SQRT(vx * vx + vy * vy + vz * vz);
        const REAL factor = r / (norm > least ? norm : least), px = vx * factor, py = vy * factor, pz = vz * factor;
        s_x[j] = b * vx + e * px;
        s_y[j] = b * vy + e * py;
        s_z[j] = b * vz + e * pz;
        x[j] = vx - a * px;
        y[j] = vy - a * py;
        z[j] = vz - a * pz;
    }
}

/* What is kept from row to row and from plane to plane of a strip: the row above and the plane behind, of h and of w; and sums. */
typedef struct {
    REAL *v, *w, *norms, *above, *above_w, *scratch, *v_d, *w_d, *zeros, *behind, *behind_w, **out;
    double fidelity, regularity, primal, error;
} NAME(Planes);

static INLINE int NAME(begin_planes_)(NAME(Planes) *kept, const Sweep *k)
{
    const Py_ssize_t C = k->channels, n = k->columns;
    REAL *buffer = calloc((size_t)((14 * C + 2) * n + 2 * C * k->width), sizeof(REAL));
    kept->out = malloc((size_t)(3 * C) * sizeof(REAL *));
    if (!buffer || !kept->out) {
        free(buffer);
        free(kept->out);
        return -1;
    }
    kept->v = buffer;
    kept->w = kept->v + 3 * C * n;
    kept->norms = kept->w + 3 * C * n;
    kept->above = kept->norms + 3 * C * n;
    kept->above_w = kept->above + C * n;
    kept->v_d = kept->above_w + C * n;
    kept->w_d = kept->v_d + C * n;
    kept->scratch = kept->w_d + C * n;
    kept->zeros = kept->scratch + n;
    kept->behind = kept->zeros + n;
    kept->behind_w = kept->behind + C * k->width;
    for (Py_ssize_t d = 0; d < 3 * C; d++) kept->out[d] = kept->w + d * n;
    kept->fidelity = kept->regularity = kept->primal = kept->error = 0;
    return 0;
}

static INLINE void NAME(end_planes_)(NAME(Planes) *kept)
{
    free(kept->out);
    free(kept->v);
}

/* F and λR of a row whose differences are v, added up; F'(u) where d is not split off, and the squared error. */
static INLINE void NAME(tally_row_)(const Sweep *k, NAME(Planes) *kept, const REAL *u, Py_ssize_t u_apart, Py_ssize_t at)
{
    const Py_ssize_t C = k->channels, n = k->columns, m = k->width, whole = k->height * m, in_plane = at % m;
    const REAL *f = k->f, *map = k->weight_map, *weights = k->fidelity_map, *clean = k->clean, curvature = (REAL)k->curvature;
    NAME(volume_norms_)(kept->v, k->grouping, C, n, kept->norms);
    kept->regularity += NAME(volume_regularity_)(kept->norms, k->grouping, map ? map + at : NULL, k->weight, C, n);
    for (Py_ssize_t c = 0; c < C; c++) {
        const REAL *p = u + c * u_apart + in_plane, *q = f + c * whole + at;
        NAME(fidelity_)(p, q, k->l1, weights ? weights + at : NULL, n, kept->scratch);
        kept->fidelity += NAME(sum_)(kept->scratch, n);
        if (clean) kept->error += NAME(squares_)(p, clean + c * whole + at, n);
        if (!k->derivative || k->s_d) continue;
        REAL *out = (REAL *)k->derivative + c * whole + at;
        for (Py_ssize_t j = 0; j < n; j++) out[j] = (p[j] - q[j]) * curvature;
    }
}

/* One plane from u to the right-hand side. u and ahead are planes of channels, u_apart and ahead_apart numbers from each other. */
static INLINE void NAME(sweep_plane_)(const Sweep *k, NAME(Planes) *kept, const REAL *u, Py_ssize_t u_apart, const REAL *ahead,
                                      Py_ssize_t ahead_apart, Py_ssize_t i)
{
    const Py_ssize_t C = k->channels, n = k->columns, m = k->width, H = m / n, whole = k->height * m;
    const REAL *f = k->f, *map = k->weight_map, *weights = k->fidelity_map;
    REAL *s = k->s, *rhs = k->rhs, *s_d = k->s_d, *anchor = k->anchor, *divergence = k->divergence, *multiplier = k->multiplier;
    REAL *v = kept->v, *w = kept->w, *norms = kept->norms, *scratch = kept->scratch;
    const REAL to_rhs = (REAL)k->to_rhs, to_dual = (REAL)k->to_dual, wx = (REAL)k->along[0], wy = (REAL)k->along[1];
    const int swift = !anchor && !divergence, begins = i == k->start, usual = swift && !k->tally && k->grouping == VECTOR && C == 1;
    for (Py_ssize_t r = 0; r < H; r++) {
        const Py_ssize_t at = i * m + r * n, next = (r + 1 < H ? r + 1 : k->periodic ? 0 : r) * n;
        const REAL *row_map = map ? map + at : NULL, *row_weights = weights ? weights + at : NULL;
        const Py_ssize_t soon = at + n;
        for (Py_ssize_t d = 0; d < 3 * C && soon < whole; d++) {
            NAME(fetch_)(s + d * whole + soon, n);
            if (anchor) NAME(fetch_)(anchor + d * whole + soon, n);
        }
        for (Py_ssize_t c = 0; c < C && soon < whole; c++) {
            NAME(fetch_)(f + c * whole + soon, n);
            if (s_d) NAME(fetch_)(s_d + c * whole + soon, n);
            if (s_d && anchor) NAME(fetch_)(anchor + (3 * C + c) * whole + soon, n);
        }
        if (usual && map)
            NAME(volume_settle_)(u + r * n, u + next, ahead + r * n, row_map, 1, s + at, s + whole + at, s + 2 * whole + at, k, v, v + n,
                                 v + 2 * n);
        else if (usual)
            NAME(volume_settle_)(u + r * n, u + next, ahead + r * n, NULL, 0, s + at, s + whole + at, s + 2 * whole + at, k, v, v + n, v + 2 * n);
        for (Py_ssize_t c = 0; c < C && !usual; c++) {
            const REAL *p = u + c * u_apart, *state = s + c * whole + at;
            const Py_ssize_t apart = C * whole;
            NAME(volume_moved_)(p + r * n, p + next, ahead + c * ahead_apart + r * n, k->tally ? kept->zeros : state,
                                k->tally ? kept->zeros : state + apart, k->tally ? kept->zeros : state + 2 * apart, k, v + c * n,
                                v + (C + c) * n, v + (2 * C + c) * n);
        }
        if (k->tally) {
            NAME(tally_row_)(k, kept, u, u_apart, at);
            for (Py_ssize_t d = 0; d < 3 * C; d++) {
                const REAL *state = s + d * whole + at;
                REAL *p = v + d * n;
                for (Py_ssize_t j = 0; j < n; j++) p[j] += state[j];
            }
        }
        if (swift && !usual) {
            if (k->grouping != ALONE) NAME(volume_factors_)(v, k->grouping, row_map, k->weight, k->step, C, n, norms);
            for (Py_ssize_t d = 0; d < 3 * C; d++)
                NAME(settle_)(v + d * n, k->grouping == ALONE ? NULL : norms + NAME(volume_group_of_)(k->grouping, d / C, d % C, C) * n,
                              row_map, (REAL)k->step, (REAL)(k->weight * k->step), s + d * whole + at, k, n);
        } else if (!swift) {
            NAME(volume_project_)(v, k->grouping, row_map, k->weight, k->step, C, n, norms, kept->out);
            for (Py_ssize_t d = 0; d < 3 * C && multiplier; d++)
                for (Py_ssize_t j = 0; j < n; j++) multiplier[d * whole + at + j] = w[d * n + j] * to_dual;
            for (Py_ssize_t c = 0; c < C && divergence; c++) {
                REAL *out = divergence + c * whole + at, *y = w + (C + c) * n, *z = w + (2 * C + c) * n;
                REAL *behind = kept->behind_w + c * m + r * n, *above = kept->above_w + c * n;
                NAME(volume_adjoint_)(w + c * n, y, z, r ? above : NULL, begins ? NULL : behind, k->along, n, out);
                if (k->periodic) out[0] += wx * w[c * n + n - 1];
                for (Py_ssize_t j = 0; j < n; j++) out[j] *= to_dual;
                memcpy(above, y, (size_t)n * sizeof(REAL));
                memcpy(behind, z, (size_t)n * sizeof(REAL));
            }
            for (Py_ssize_t d = 0; d < 3 * C; d++)
                kept->primal += NAME(relax_)(v + d * n, w + d * n, s + d * whole + at, anchor ? anchor + d * whole + at : NULL, k, scratch, n,
                                             k->derivative != NULL);
        }
        for (Py_ssize_t c = 0; c < C; c++) {
            const REAL *observed = f + c * whole + at;
            REAL *out = rhs + c * whole + at, *y = v + (C + c) * n, *z = v + (2 * C + c) * n;
            REAL *behind = kept->behind + c * m + r * n, *above = kept->above + c * n;
            NAME(volume_adjoint_)(v + c * n, y, z, r ? above : NULL, begins ? NULL : behind, k->along, n, out);
            if (k->periodic) out[0] += wx * v[c * n + n - 1];
            for (Py_ssize_t j = 0; j < n; j++) out[j] = out[j] * to_rhs + observed[j];
            memcpy(above, y, (size_t)n * sizeof(REAL));
            memcpy(behind, z, (size_t)n * sizeof(REAL));
        }
        for (Py_ssize_t c = 0; c < C && s_d; c++) {
            const REAL *p = u + c * u_apart + r * n, *observed = f + c * whole + at;
            REAL *state = s_d + c * whole + at, *out = rhs + c * whole + at;
            if (swift) {
                NAME(split_)(p, observed, row_weights, state, k, n, out);
                continue;
            }
            REAL *v_d = kept->v_d, *w_d = kept->w_d;
            for (Py_ssize_t j = 0; j < n; j++) v_d[j] = p[j] - observed[j] + state[j];
            NAME(dual_part_)(v_d, row_weights, k, n, w_d);
            kept->primal += NAME(split_and_tell_)(v_d, w_d, observed, state, anchor ? anchor + (3 * C + c) * whole + at : NULL,
                                                  k->picture ? (REAL *)k->picture + c * whole + at : NULL,
                                                  k->derivative ? (REAL *)k->derivative + c * whole + at : NULL, k, scratch, n, out);
        }
    }
    /* The last row of a plane that goes on at its first one. */
    for (Py_ssize_t c = 0; c < C && k->periodic; c++) {
        REAL *out = rhs + c * whole + i * m, *told = divergence ? divergence + c * whole + i * m : NULL;
        for (Py_ssize_t j = 0; j < n; j++) out[j] += kept->above[c * n + j] * (to_rhs * wy);
        for (Py_ssize_t j = 0; j < n && told; j++) told[j] += kept->above_w[c * n + j] * (to_dual * wy);
    }
}

/* Of a strip: from frequencies to u (unless u is given), from u to the next right-hand side, and to frequencies again. k->rhs has the
 * frequencies, before and after; k->below what u has in the plane after the strip. Without k->u there are never more than two planes of u. */
MULTIVERSIONED static int NAME(volume_iterate_)(const Transform *rows, const Transform *columns, const Sweep *k, int given)
{
    const Py_ssize_t C = k->channels, D = k->height, m = k->width, whole = D * m;
    const size_t plane = (size_t)m * sizeof(REAL);
    NAME(Planes) kept;
    void *room = NAME(room_for_planes_)(rows, columns);
    REAL *two = k->u ? NULL : malloc((size_t)(2 * C) * plane);
    if (!room || !(k->u || two) || NAME(begin_planes_)(&kept, k)) {
        free(two);
        free(room);
        return -1;
    }
    const Py_ssize_t apart = k->u ? whole : m;
    REAL *now = NULL;
    for (Py_ssize_t i = k->start; i <= k->stop; i++) {
        const REAL *ahead = now; /* the plane itself, where none follows */
        Py_ssize_t ahead_apart = apart;
        REAL *next = NULL;
        if (i < k->stop) {
            ahead = next = k->u ? (REAL *)k->u + i * m : two + (i & 1) * C * m;
            for (Py_ssize_t c = 0; c < C && !given; c++)
                NAME(transform_plane_)(rows, columns, 1, (REAL *)k->rhs + c * whole + i * m, next + c * apart, room);
        } else if (k->below)
            ahead = k->below, ahead_apart = m;
        else if (given && (i < D || k->periodic))
            ahead = (REAL *)k->u + (i < D ? i : 0) * m;
        if (now) {
            NAME(sweep_plane_)(k, &kept, now, apart, ahead, ahead_apart, i - 1);
            for (Py_ssize_t c = 0; c < C; c++) {
                REAL *swept = (REAL *)k->rhs + c * whole + (i - 1) * m;
                NAME(transform_plane_)(rows, columns, 0, swept, swept, room);
            }
        }
        now = next;
    }
    memcpy(k->spill, kept.behind, (size_t)C * plane);
    if (k->spill_w) memcpy(k->spill_w, kept.behind_w, (size_t)C * plane);
    k->sums[0] = kept.fidelity + kept.regularity;
    k->sums[1] = kept.primal;
    k->sums[2] = kept.error;
    NAME(end_planes_)(&kept);
    free(two);
    free(room);
    return 0;
}

/* F and λR of a volume: k->u against k->f. */
MULTIVERSIONED static int NAME(volume_cost_)(const Sweep *k)
{
    const Py_ssize_t C = k->channels, D = k->height, n = k->columns, m = k->width, H = m / n, whole = D * m;
    NAME(Planes) kept;
    if (NAME(begin_planes_)(&kept, k)) return -1;
    for (Py_ssize_t i = k->start; i < k->stop; i++) {
        const REAL *u = (REAL *)k->u + i * m, *ahead = (REAL *)k->u + (i + 1 < D ? i + 1 : k->periodic ? 0 : i) * m;
        for (Py_ssize_t r = 0; r < H; r++) {
            const Py_ssize_t next = (r + 1 < H ? r + 1 : k->periodic ? 0 : r) * n;
            for (Py_ssize_t c = 0; c < C; c++)
                NAME(volume_moved_)(u + c * whole + r * n, u + c * whole + next, ahead + c * whole + r * n, kept.zeros, kept.zeros, kept.zeros, k,
                                    kept.v + c * n, kept.v + (C + c) * n, kept.v + (2 * C + c) * n);
            NAME(tally_row_)(k, &kept, u, whole, i * m + r * n);
        }
    }
    k->sums[0] = kept.fidelity;
    k->sums[1] = kept.regularity;
    NAME(end_planes_)(&kept);
    return 0;
}

#undef NAME
#undef PASTE
#undef PASTE_
