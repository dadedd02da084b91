/* Several iterations of accelerated gradient projection on a volume in one walk over its planes, for REAL = float and double.
 *
 * As _projection.h has it for rows: iteration t works one plane behind iteration t − 1, on planes that are in the cache still, and a strip
 * of planes that begins or ends within the volume works on copies of its neighbour's planes (`halo`). Within a plane everything is done row
 * by row: of q and u, an iteration keeps one plane, whose rows are replaced as soon as the plane ahead has used them.
 *
 * Where planes are too large for the cache, the walk takes them in bands of rows, one after the other. An iteration's band begins and ends
 * one row before that of the iteration before it, so that all that it needs has been computed; what a band needs of the row before it is
 * kept by the band before (`edge`: q and u of one row for each plane and iteration). No number is computed twice, and none changes. */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define NAME(x) PASTE(x, SUFFIX)

/* One component (x, y or z of a channel) of plane i, in the volume or in the halo before or behind. */
static INLINE REAL *NAME(plane_)(const Block *k, int which, Py_ssize_t d, Py_ssize_t i)
{
    const Py_ssize_t m = k->rows * k->columns;
    if (i >= k->start && i < k->stop) return (REAL *)(which ? k->before : k->now) + (d * k->depth + i) * m;
    const Py_ssize_t at = i < k->start ? i - k->first : i - k->stop + (k->start - k->first);
    return (REAL *)k->halo + ((which * 3 * k->channels + d) * k->halo_planes + at) * m;
}

/* The planes of a strip's neighbours, before anybody writes. */
static void NAME(volume_halo_)(const Block *k)
{
    const Py_ssize_t m = k->rows * k->columns;
    for (int which = 0; which < 2; which++)
        for (Py_ssize_t d = 0; d < 3 * k->channels; d++)
            for (Py_ssize_t i = k->first; i < k->last; i++) {
                if (i >= k->start && i < k->stop) continue;
                memcpy(NAME(plane_)(k, which, d, i), (REAL *)(which ? k->before : k->now) + (d * k->depth + i) * m, (size_t)m * sizeof(REAL));
            }
}

/* Dᵀp of a row; `above` is y of the row before, `behind` z of the plane before, NULL where there is none. */
static INLINE void NAME(volume_adjoint_)(const REAL *restrict x, const REAL *restrict y, const REAL *restrict z,
                                         const REAL *restrict above, const REAL *restrict behind, const double *along, Py_ssize_t n,
                                         REAL *restrict out)
{
    const REAL wx = (REAL)along[0], wy = (REAL)along[1], wz = (REAL)along[2];
    if (above && behind) { /* by far the most common: in one loop */
        out[0] = wz * (behind[0] - z[0]) + wy * (above[0] - y[0]) - wx * x[0];
        for (Py_ssize_t j = 1; j < n; j++) out[j] = wz * (behind[j] - z[j]) + wy * (above[j] - y[j]) + wx * (x[j - 1] - x[j]);
        return;
    }
    for (Py_ssize_t j = 0; j < n; j++) out[j] = (behind ? wz * (behind[j] - z[j]) : -wz * z[j]) + (above ? wy * (above[j] - y[j]) : -wy * y[j]);
    out[0] -= wx * x[0];
    for (Py_ssize_t j = 1; j < n; j++) out[j] += wx * (x[j - 1] - x[j]);
}

/* From g = Dᵀq, in u, to f − g/2 of a row; or, of an excess, to −(|g| − 1)₊ sign(g)/2. */
static INLINE void NAME(volume_u_)(int excess, const REAL *restrict f, Py_ssize_t n, REAL *restrict u)
{
    const REAL half = (REAL)0.5;
    if (excess)
        for (Py_ssize_t j = 0; j < n; j++) u[j] = half * (NAME(clip_)(u[j], 1) - u[j]);
    else
        for (Py_ssize_t j = 0; j < n; j++) u[j] = f[j] - half * u[j];
}

/* v += by·Du of a row of one channel; `below` is the next row and `ahead` that of the next plane, the row itself where there is none. */
static INLINE void NAME(volume_differences_)(const REAL *restrict u, const REAL *restrict below, const REAL *restrict ahead, const Block *k,
                                             double by, REAL *restrict x, REAL *restrict y, REAL *restrict z)
{
    const Py_ssize_t n = k->columns;
    const REAL wx = (REAL)(by * k->along[0]), wy = (REAL)(by * k->along[1]), wz = (REAL)(by * k->along[2]);
    for (Py_ssize_t j = 0; j + 1 < n; j++) x[j] += wx * (u[j + 1] - u[j]);
    for (Py_ssize_t j = 0; j < n; j++) y[j] += wy * (below[j] - u[j]);
    for (Py_ssize_t j = 0; j < n; j++) z[j] += wz * (ahead[j] - u[j]);
}

/* The norms that groups share: v is 3·C rows (x of every channel, then y, then z), `norms` one row a group. Not ALONE, whose are |v|. */
static INLINE Py_ssize_t NAME(volume_groups_)(int grouping, Py_ssize_t C)
{
    return grouping == VECTOR ? 1 : grouping == PIXEL ? C : grouping == CHANNELS ? 3 : 3 * C;
}

static INLINE Py_ssize_t NAME(volume_group_of_)(int grouping, Py_ssize_t d, Py_ssize_t c, Py_ssize_t C)
{
    return grouping == VECTOR ? 0 : grouping == PIXEL ? c : grouping == CHANNELS ? d : d * C + c;
}

static INLINE void NAME(volume_norms_)(const REAL *restrict v, int grouping, Py_ssize_t C, Py_ssize_t n, REAL *restrict norms)
{
    if (grouping == ALONE) {
        for (Py_ssize_t j = 0; j < 3 * C * n; j++) norms[j] = ABS(v[j]);
        return;
    }
    const Py_ssize_t groups = NAME(volume_groups_)(grouping, C);
    memset(norms, 0, (size_t)(groups * n) * sizeof(REAL));
    for (Py_ssize_t d = 0; d < 3; d++)
        for (Py_ssize_t c = 0; c < C; c++) {
            REAL *q = norms + NAME(volume_group_of_)(grouping, d, c, C) * n;
            const REAL *p = v + (d * C + c) * n;
            for (Py_ssize_t j = 0; j < n; j++) q[j] += p[j] * p[j];
        }
    for (Py_ssize_t j = 0; j < groups * n; j++) norms[j] = SQRT(norms[j]);
}

/* |Du| of a row: one channel, isotropic. */
static INLINE void NAME(volume_lengths_)(const REAL *restrict u, const REAL *restrict below, const REAL *restrict ahead, const Block *k,
                                         REAL *restrict length)
{
    const Py_ssize_t n = k->columns;
    const REAL wx = (REAL)k->along[0], wy = (REAL)k->along[1], wz = (REAL)k->along[2];
    for (Py_ssize_t j = 0; j < n; j++) {
        const REAL y = wy * (below[j] - u[j]), z = wz * (ahead[j] - u[j]);
        length[j] = y * y + z * z;
    }
    for (Py_ssize_t j = 0; j + 1 < n; j++) {
        const REAL x = wx * (u[j + 1] - u[j]);
        length[j] += x * x;
    }
    for (Py_ssize_t j = 0; j < n; j++) length[j] = SQRT(length[j]);
}

/* λ times the norms of a row, added up. Destroys the norms. */
static INLINE double NAME(volume_regularity_)(REAL *restrict norms, int grouping, const REAL *restrict map, double weight, Py_ssize_t C,
                                              Py_ssize_t n)
{
    double total = 0;
    for (Py_ssize_t g = 0; g < NAME(volume_groups_)(grouping, C); g++) {
        REAL *q = norms + g * n;
        if (map)
            for (Py_ssize_t j = 0; j < n; j++) q[j] *= map[j];
        total += NAME(sum_)(q, n);
    }
    return map ? total : total * weight;
}

/* What the nearest point to v with every group's norm ≤ λ·step has of v: factors, one row a group. Not ALONE. */
static INLINE void NAME(volume_factors_)(const REAL *restrict v, int grouping, const REAL *restrict map, double weight, double step,
                                         Py_ssize_t C, Py_ssize_t n, REAL *restrict norms)
{
    const REAL radius = (REAL)(weight * step), least = radius > TINY ? radius : TINY, by = (REAL)step;
    NAME(volume_norms_)(v, grouping, C, n, norms);
    for (Py_ssize_t g = 0; g < NAME(volume_groups_)(grouping, C); g++) {
        REAL *q = norms + g * n;
        if (map)
            for (Py_ssize_t j = 0; j < n; j++) {
                const REAL r = map[j] * by, m = r > TINY ? r : TINY;
                q[j] = r / (q[j] > m ? q[j] : m);
            }
        else
            for (Py_ssize_t j = 0; j < n; j++) q[j] = radius / (q[j] > least ? q[j] : least);
    }
}

/* The nearest point to v with every group's norm ≤ λ·step, in the rows out[0 … 3C−1]. */
static INLINE void NAME(volume_project_)(const REAL *restrict v, int grouping, const REAL *restrict map, double weight, double step,
                                         Py_ssize_t C, Py_ssize_t n, REAL *restrict norms, REAL **out)
{
    const REAL radius = (REAL)(weight * step), by = (REAL)step;
    if (grouping == ALONE) {
        for (Py_ssize_t d = 0; d < 3 * C; d++)
            for (Py_ssize_t j = 0; j < n; j++) out[d][j] = NAME(clip_)(v[d * n + j], map ? map[j] * by : radius);
        return;
    }
    NAME(volume_factors_)(v, grouping, map, weight, step, C, n, norms);
    for (Py_ssize_t d = 0; d < 3; d++)
        for (Py_ssize_t c = 0; c < C; c++) {
            const REAL *q = norms + NAME(volume_group_of_)(grouping, d, c, C) * n, *p = v + (d * C + c) * n;
            REAL *w = out[d * C + c];
            for (Py_ssize_t j = 0; j < n; j++) w[j] = p[j] * q[j];
        }
}

/* What brings a vector to the length λ, if it is longer: λ is that of the map, or one for all. */
static INLINE REAL NAME(volume_scale_)(REAL vx, REAL vy, REAL vz, const REAL *restrict map, const int mapped, REAL radius, Py_ssize_t j)
{
    const REAL r = mapped ? map[j] : radius, least = mapped && r < TINY ? TINY : r, norm = SQRT(vx * vx + vy * vy + vz * vz);
    return r / (norm > least ? norm : least);
}

/* p = P(q + step·Du) of a row, one channel, isotropic: the usual problem, where volume_both_ does not fit. */
static INLINE void NAME(volume_step_)(const REAL *restrict qx, const REAL *restrict qy, const REAL *restrict qz, const REAL *restrict u,
                                      const REAL *restrict below, const REAL *restrict ahead, const REAL *restrict map, const int mapped,
                                      const Block *k, REAL *restrict x, REAL *restrict y, REAL *restrict z)
{
    const Py_ssize_t n = k->columns;
    const REAL radius = (REAL)k->weight;
    const REAL wx = (REAL)(k->step * k->along[0]), wy = (REAL)(k->step * k->along[1]), wz = (REAL)(k->step * k->along[2]);
    for (Py_ssize_t j = 0; j < n; j++) {
        const REAL vx = j + 1 < n ? qx[j] + wx * (u[j + 1] - u[j]) : 0;
        const REAL vy = qy[j] + wy * (below[j] - u[j]), vz = qz[j] + wz * (ahead[j] - u[j]);
        const REAL scale = NAME(volume_scale_)(vx, vy, vz, map, mapped, radius, j);
        x[j] = vx * scale;
        y[j] = vy * scale;
        z[j] = vz * scale;
    }
}

/* p of a row after an iteration, from that row of q and u; their components are `apart` numbers from each other, and the next row of u is
 * `next` numbers further on. `ahead` is u of the plane ahead. */
static INLINE void NAME(volume_row_)(const Block *k, const REAL *q, const REAL *u, Py_ssize_t apart, Py_ssize_t next, const REAL *ahead,
                                     Py_ssize_t ahead_apart, const REAL *map, REAL *v, REAL *norms, REAL **out)
{
    const Py_ssize_t C = k->channels, n = k->columns;
    if (k->grouping == VECTOR && C == 1) {
        if (map)
            NAME(volume_step_)(q, q + apart, q + 2 * apart, u, u + next, ahead, map, 1, k, out[0], out[1], out[2]);
        else
            NAME(volume_step_)(q, q + apart, q + 2 * apart, u, u + next, ahead, NULL, 0, k, out[0], out[1], out[2]);
        return;
    }
    for (Py_ssize_t d = 0; d < 3 * C; d++) memcpy(v + d * n, q + d * apart, (size_t)n * sizeof(REAL));
    for (Py_ssize_t c = 0; c < C; c++)
        NAME(volume_differences_)(u + c * apart, u + c * apart + next, ahead + c * ahead_apart, k, k->step, v + c * n, v + (C + c) * n,
                                  v + (2 * C + c) * n);
    NAME(volume_project_)(v, k->grouping, map, k->weight, 1, C, n, norms, out);
}

/* A row of a plane and of the plane behind it in one loop, where all neighbours are there: q and u of the former, from p and the p before
 * it (`a`, `b`), take the place of those of the latter in `q` and `u`, and P(q + step·Du) of the latter goes to `out`; components are `m`
 * numbers apart, and the next row of u is `next` numbers further on. One channel, isotropic; `map` is λ of the row behind. To the bit what
 * volume_adjoint_ and volume_step_ give: the last number of a row of x is 0, so that what stands before the first one of the next row is
 * right there. */
static INLINE void NAME(volume_both_)(const Block *k, REAL *const *a, REAL *const *b, REAL beta, const REAL *f, REAL *q, REAL *u, Py_ssize_t m,
                                      Py_ssize_t next, const REAL *restrict map, const int mapped, REAL *const *out, REAL *fresh)
{
    const Py_ssize_t n = k->columns, last = n - 1;
    const REAL *ax = a[0], *ay = a[1], *az = a[2], *bx = b[0], *by = b[1], *bz = b[2];
    const REAL *here = u, *below = u + next, *above = q + m - n;
    REAL *qx = q, *qy = qx + m, *qz = qy + m, *x = out[0], *y = out[1], *z = out[2];
    const REAL wx = (REAL)k->along[0], wy = (REAL)k->along[1], wz = (REAL)k->along[2], half = (REAL)0.5, radius = (REAL)k->weight;
    const REAL sx = (REAL)(k->step * k->along[0]), sy = (REAL)(k->step * k->along[1]), sz = (REAL)(k->step * k->along[2]);
    const REAL y_last = qy[last], z_last = qz[last];
    INDEPENDENT_TO_GCC
    for (Py_ssize_t j = 0; j < n; j++) {
        const REAL left = ax[j - 1] + beta * (ax[j - 1] - bx[j - 1]), nx = ax[j] + beta * (ax[j] - bx[j]);
        const REAL ny = ay[j] + beta * (ay[j] - by[j]), nz = az[j] + beta * (az[j] - bz[j]);
        const REAL now = f[j] - half * (wz * (qz[j] - nz) + wy * (above[j] - ny) + wx * (left - nx));
        const REAL vx = qx[j] + sx * (here[j + 1] - here[j]), vy = qy[j] + sy * (below[j] - here[j]), vz = qz[j] + sz * (now - here[j]);
        const REAL scale = NAME(volume_scale_)(vx, vy, vz, map, mapped, radius, j);
        fresh[j] = now;
        x[j] = vx * scale;
        y[j] = vy * scale;
        z[j] = vz * scale;
        qx[j] = nx;
        qy[j] = ny;
        qz[j] = nz;
    }
    /* In the last column, where the loop has looked one too far, there is no difference along x. */
    const REAL vy = y_last + sy * (below[last] - here[last]), vz = z_last + sz * (fresh[last] - here[last]);
    const REAL scale = NAME(volume_scale_)(0, vy, vz, map, mapped, radius, last);
    x[last] = 0;
    y[last] = vy * scale;
    z[last] = vz * scale;
    memcpy(u, fresh, (size_t)n * sizeof(REAL));
}

/* What a walk works with: a plane of q and one of u for each iteration, with a row more than a band has; rows of q and u, of v, of norms. */
typedef struct {
    REAL *planes, *edge, *fresh, *v, *norms, **out;
    Py_ssize_t m; /* numbers of one component of a plane in `planes` */
} NAME(Room);

/* Iteration t on plane i and, one plane behind, what follows from it: rows from … to of the one, and, but for the last row of a band that
 * has another one below it, of the other. `carried`: the first row comes from the band above. */
static INLINE void NAME(volume_plane_)(const Block *k, const NAME(Room) *room, Py_ssize_t t, Py_ssize_t i, Py_ssize_t from, Py_ssize_t to,
                                       int carried, Py_ssize_t begin, Py_ssize_t end)
{
    const Py_ssize_t C = k->channels, D = k->depth, H = k->rows, n = k->columns, m = H * n, M = room->m;
    const REAL *f = k->f, *map = k->weight_map;
    const size_t bytes = (size_t)n * sizeof(REAL);
    const int now = t & 1, steps = i - 1 >= begin + (begin > 0), begins = i == begin && begin > 0;
    const int usual = k->grouping == VECTOR && C == 1 && !k->excess && steps && i < end;
    const REAL beta = (REAL)k->momentum[t];
    REAL *fresh = room->fresh, *row = fresh + 3 * C * n, *edge = room->edge + (t * (k->last - k->first) + i - k->first) * 4 * C * n;
    for (Py_ssize_t r = from; r < to; r++) {
        /* The first place is that of the row above. */
        REAL *q = room->planes + t * 4 * C * M + (r - from + !carried) * n, *u = q + 3 * C * M;
        const Py_ssize_t next = r + 1 < H ? n : 0;
        const int brought = carried && r == from, left = to < H && r + 1 == to;
        const REAL *row_map = map ? map + (i - 1) * m + r * n : NULL;
        if (usual && r && !brought && !left) {
            const REAL *observed = f + i * m + r * n;
            REAL *a[3], *b[3];
            for (Py_ssize_t d = 0; d < 3; d++) {
                a[d] = NAME(plane_)(k, now, d, i) + r * n;
                b[d] = NAME(plane_)(k, !now, d, i) + r * n;
                room->out[d] = NAME(plane_)(k, !now, d, i - 1) + r * n;
            }
            if (map)
                NAME(volume_both_)(k, a, b, beta, observed, q, u, M, next, row_map, 1, room->out, row);
            else
                NAME(volume_both_)(k, a, b, beta, observed, q, u, M, next, NULL, 0, room->out, row);
            continue;
        }
        if (i < end && brought)
            memcpy(fresh, edge, (size_t)(4 * C) * bytes);
        else if (i < end) {
            for (Py_ssize_t d = 0; d < 3 * C; d++) {
                const REAL *restrict a = NAME(plane_)(k, now, d, i) + r * n, *restrict b = NAME(plane_)(k, !now, d, i) + r * n;
                REAL *restrict p = fresh + d * n;
                for (Py_ssize_t j = 0; j < n; j++) p[j] = a[j] + beta * (a[j] - b[j]);
            }
            for (Py_ssize_t c = 0; c < C && !begins; c++) {
                REAL *restrict w = row + c * n;
                NAME(volume_adjoint_)(fresh + c * n, fresh + (C + c) * n, fresh + (2 * C + c) * n, r ? q + (C + c) * M - n : NULL,
                                      i ? q + (2 * C + c) * M : NULL, k->along, n, w);
                NAME(volume_u_)(k->excess, f + (c * D + i) * m + r * n, n, w);
            }
        }
        if (steps && !left) {
            for (Py_ssize_t d = 0; d < 3 * C; d++) room->out[d] = NAME(plane_)(k, !now, d, i - 1) + r * n;
            /* Behind the last plane there is no difference. */
            NAME(volume_row_)(k, q, u, M, next, i < end ? row : u, i < end ? n : M, row_map, room->v, room->norms, room->out);
        }
        if (i == end) continue;
        for (Py_ssize_t d = 0; d < 3 * C; d++) memcpy(q + d * M, fresh + d * n, bytes);
        for (Py_ssize_t c = 0; c < C && !begins; c++) memcpy(u + c * M, row + c * n, bytes);
        if (left) memcpy(edge, fresh, (size_t)(4 * C) * bytes);
    }
}

NARROW static int NAME(volume_walk_)(const Block *k)
{
    const Py_ssize_t C = k->channels, D = k->depth, H = k->rows, n = k->columns, T = k->iterations;
    const Py_ssize_t band = k->band >= T && k->band < H ? k->band : H, bands = H / band; /* the last band has the rest as well */
    const Py_ssize_t last = H - (bands - 1) * band, most = bands == 1 ? H : last + T > band ? last + T : band;
    NAME(Room) room = {.m = (most + 1) * n};
    const Py_ssize_t level = 4 * C * room.m, edges = bands > 1 ? T * (k->last - k->first) * 4 * C * n : 0;
    /* Of zeros: volume_both_ looks one column too far, at what it does not use. */
    REAL *buffer = calloc((size_t)(T * level + 10 * C * n + edges), sizeof(REAL));
    room.out = malloc((size_t)(3 * C) * sizeof(REAL *));
    if (!buffer || !room.out) {
        free(buffer);
        free(room.out);
        return -1;
    }
    room.planes = buffer, room.fresh = buffer + T * level;
    room.v = room.fresh + 4 * C * n, room.norms = room.v + 3 * C * n, room.edge = room.norms + 3 * C * n;
    for (Py_ssize_t b = 0; b < bands; b++)
        for (Py_ssize_t at = k->first; at < k->last + T; at++)
            for (Py_ssize_t t = 0; t < T; t++) {
                const Py_ssize_t i = at - t;
                /* Valid input of iteration t; at the ends of the volume all of it. */
                const Py_ssize_t begin = k->first ? k->first + t : 0, end = k->last < D ? k->last - t : D;
                if (i < begin || i > end || (i == end && end < D)) continue;
                NAME(volume_plane_)(k, &room, t, i, b ? b * band - t - 1 : 0, b + 1 < bands ? (b + 1) * band - t : H, b > 0, begin, end);
            }
    free(room.out);
    free(buffer);
    return 0;
}

/* A row of u = f − Dᵀp/2 with p = `now`, and of g = Dᵀp. */
static INLINE void NAME(volume_primal_)(const Block *k, Py_ssize_t c, Py_ssize_t i, Py_ssize_t r, REAL *restrict g, REAL *restrict u)
{
    const Py_ssize_t C = k->channels, n = k->columns, m = k->rows * n, whole = k->depth * m, here = i * m + r * n;
    const REAL *p = k->now, *f = k->f, *a = f + c * whole + here;
    const REAL *x = p + c * whole + here, *y = p + (C + c) * whole + here, *z = p + (2 * C + c) * whole + here;
    NAME(volume_adjoint_)(x, y, z, r ? y - n : NULL, i ? z - m : NULL, k->along, n, g);
    for (Py_ssize_t j = 0; j < n; j++) u[j] = a[j] - (REAL)0.5 * g[j];
}

/* u in `picture`; and Σ(u − f)², λR(u), the dual objective Σ g(f − g/4), g = Dᵀp; and, if asked, Σ ((P(p + step·Du) − p)/step)². Under
 * `excess` nothing but Dᵀp, in `picture`. */
MULTIVERSIONED static int NAME(volume_prove_)(const Block *k)
{
    const Py_ssize_t C = k->channels, D = k->depth, H = k->rows, n = k->columns, m = H * n, whole = D * m;
    const REAL *f = k->f, *p = k->now, *map = k->weight_map;
    const int usual = k->grouping == VECTOR && C == 1;
    REAL *picture = k->picture;
    REAL *buffer = malloc((size_t)(C * m + (9 * C + 2) * n) * sizeof(REAL));
    REAL **out = malloc((size_t)(3 * C) * sizeof(REAL *));
    if (!buffer || !out) {
        free(buffer);
        free(out);
        return -1;
    }
    REAL *ahead = buffer, *v = ahead + C * m, *norms = v + 3 * C * n, *moved = norms + 3 * C * n, *g = moved + 3 * C * n, *squares = g + n;
    double fidelity = 0, regularity = 0, bound = 0, residual = 0;
    for (Py_ssize_t d = 0; d < 3 * C; d++) out[d] = moved + d * n;
    /* A plane of u, and then the differences of the one before it, while both are in the cache. */
    for (Py_ssize_t at = k->start; at <= k->stop; at++) {
        for (Py_ssize_t c = 0; c < C && at < k->stop; c++)
            for (Py_ssize_t r = 0; r < H; r++) {
                REAL *u = picture + c * whole + at * m + r * n;
                const REAL *a = f + c * whole + at * m + r * n;
                if (k->excess) {
                    NAME(volume_primal_)(k, c, at, r, u, g);
                    continue;
                }
                NAME(volume_primal_)(k, c, at, r, g, u);
                fidelity += NAME(squared_distance_)(u, a, 1, n, squares);
                bound += NAME(dual_objective_)(g, a, n, squares);
            }
        if (at == k->start || k->excess) continue;
        /* The plane behind the strip is another strip's to write. */
        for (Py_ssize_t c = 0; c < C && at == k->stop && at < D; c++)
            for (Py_ssize_t r = 0; r < H; r++) NAME(volume_primal_)(k, c, at, r, g, ahead + c * m + r * n);
        const Py_ssize_t i = at - 1;
        for (Py_ssize_t r = 0; r < H; r++) {
            const REAL *row_map = map ? map + i * m + r * n : NULL;
            for (int pass = 0; pass <= k->residual; pass++) {
                if (!pass)
                    memset(v, 0, (size_t)(3 * C * n) * sizeof(REAL));
                else
                    for (Py_ssize_t d = 0; d < 3 * C; d++) memcpy(v + d * n, p + d * whole + i * m + r * n, (size_t)n * sizeof(REAL));
                for (Py_ssize_t c = 0; c < C; c++) {
                    const REAL *u = picture + c * whole + i * m + r * n, *below = r + 1 < H ? u + n : u;
                    const REAL *next = i + 1 == D ? u : i + 1 < k->stop ? u + m : ahead + c * m + r * n;
                    if (usual && !pass)
                        NAME(volume_lengths_)(u, below, next, k, norms);
                    else
                        NAME(volume_differences_)(u, below, next, k, pass ? k->step : 1.0, v + c * n, v + (C + c) * n, v + (2 * C + c) * n);
                }
                if (pass) break;
                if (!usual) NAME(volume_norms_)(v, k->grouping, C, n, norms);
                regularity += NAME(volume_regularity_)(norms, k->grouping, row_map, k->weight, C, n);
            }
            if (!k->residual) continue;
            NAME(volume_project_)(v, k->grouping, row_map, k->weight, 1, C, n, norms, out);
            const REAL by = (REAL)(1 / k->step);
            for (Py_ssize_t d = 0; d < 3 * C; d++)
                residual += NAME(squared_distance_)(moved + d * n, p + d * whole + i * m + r * n, by, n, squares);
        }
    }
    free(out);
    free(buffer);
    k->sums[0] = fidelity;
    k->sums[1] = regularity;
    k->sums[2] = bound;
    k->sums[3] = residual;
    return 0;
}

#undef NAME
#undef PASTE
#undef PASTE_
