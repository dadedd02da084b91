/* The exact solve of (I + penalty·DᵀD)u = rhs, for REAL = float and double: included twice by _kernels.c.
 *
 * Rows go to frequencies, columns stay: what couples the rows of one frequency is tridiagonal, with a constant diagonal, and is solved by
 * one recursion down and one up, for a tenth of a transform and whatever the number of rows.
 *
 * Rows are transformed 2·LINES at a time, in place: one of LINES rows in each lane of the real parts, another of LINES in the imaginary
 * parts, so that a complex FFT of any length does two real rows and no lane ever waits for another. Periodic pictures take the Hartley
 * transform (its own inverse but for 1/n), symmetric ones DCT-II and DCT-III, by Makhoul's order of a row (1980, IEEE Trans. ASSP 28,
 * 27–34). The FFT is Stockham's; lengths with a prime factor beyond what transforms.py allows are Bluestein's convolutions. */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define NAME(x) PASTE(x, SUFFIX)
#ifdef VECTORS
typedef REAL NAME(vector) __attribute__((vector_size(VECTOR_BYTES)));
#define LINES (VECTOR_BYTES / (Py_ssize_t)sizeof(REAL))
#else
typedef REAL NAME(vector);
#define LINES ((Py_ssize_t)1)
#endif
#define V NAME(vector)
#define LINE_BYTES (LINES * sizeof(REAL))

/* y = the transforms of length `radix` of x, elements q apart, times the twiddles w; real and imaginary parts take turns. */
static INLINE void NAME(pass2_)(const V *restrict x, V *restrict y, const REAL *restrict w, Py_ssize_t m, Py_ssize_t s)
{
    const Py_ssize_t q = 2 * m * s, o = 2 * s;
    for (Py_ssize_t p = 0; p < m; p++, w += 2, y += o)
        for (Py_ssize_t t = 0; t < s; t++, x += 2, y += 2) {
            const V r = x[0] - x[q], i = x[1] - x[q + 1];
            y[0] = x[0] + x[q], y[1] = x[1] + x[q + 1];
            y[o] = r * w[0] - i * w[1], y[o + 1] = r * w[1] + i * w[0];
        }
}

static INLINE void NAME(pass4_)(const V *restrict x, V *restrict y, const REAL *restrict w, Py_ssize_t m, Py_ssize_t s)
{
    const Py_ssize_t q = 2 * m * s, o = 2 * s;
    for (Py_ssize_t p = 0; p < m; p++, w += 6, y += 3 * o)
        for (Py_ssize_t t = 0; t < s; t++, x += 2, y += 2) {
            const V ar = x[0] + x[2 * q], ai = x[1] + x[2 * q + 1], br = x[0] - x[2 * q], bi = x[1] - x[2 * q + 1];
            const V cr = x[q] + x[3 * q], ci = x[q + 1] + x[3 * q + 1], dr = x[q] - x[3 * q], di = x[q + 1] - x[3 * q + 1];
            const V er = br + di, ei = bi - dr, fr = ar - cr, fi = ai - ci, gr = br - di, gi = bi + dr;
            y[0] = ar + cr, y[1] = ai + ci;
            y[o] = er * w[0] - ei * w[1], y[o + 1] = er * w[1] + ei * w[0];
            y[2 * o] = fr * w[2] - fi * w[3], y[2 * o + 1] = fr * w[3] + fi * w[2];
            y[3 * o] = gr * w[4] - gi * w[5], y[3 * o + 1] = gr * w[5] + gi * w[4];
        }
}

/* An odd radix r. `unit` has cos and sin of 2πj/r. */
static INLINE void NAME(pass_odd_)(int r, const REAL *restrict unit, const V *restrict x, V *restrict y, const REAL *restrict w,
                                   Py_ssize_t m, Py_ssize_t s)
{
    const Py_ssize_t q = 2 * m * s, o = 2 * s;
    const int half = (r - 1) / 2;
    for (Py_ssize_t p = 0; p < m; p++, w += 2 * (r - 1), y += (r - 1) * o)
        for (Py_ssize_t t = 0; t < s; t++, x += 2, y += 2) {
            V even[LARGEST_RADIX], odd[LARGEST_RADIX], r0 = x[0], i0 = x[1];
            for (int j = 1; j <= half; j++) {
                const V *a = x + j * q, *b = x + (r - j) * q;
                even[2 * j - 2] = a[0] + b[0], even[2 * j - 1] = a[1] + b[1];
                odd[2 * j - 2] = a[0] - b[0], odd[2 * j - 1] = a[1] - b[1];
                r0 += even[2 * j - 2], i0 += even[2 * j - 1];
            }
            y[0] = r0, y[1] = i0;
            for (int k = 1; k <= half; k++) {
                V ar = x[0], ai = x[1], br = odd[0] * unit[2 * k + 1], bi = odd[1] * unit[2 * k + 1];
                ar += even[0] * unit[2 * k], ai += even[1] * unit[2 * k];
                for (int j = 2, turn = 2 * k % r; j <= half; j++, turn = (turn + k) % r) {
                    ar += even[2 * j - 2] * unit[2 * turn], ai += even[2 * j - 1] * unit[2 * turn];
                    br += odd[2 * j - 2] * unit[2 * turn + 1], bi += odd[2 * j - 1] * unit[2 * turn + 1];
                }
                const V er = ar + bi, ei = ai - br, fr = ar - bi, fi = ai + br;
                const REAL *a = w + 2 * (k - 1), *b = w + 2 * (r - k - 1);
                y[k * o] = er * a[0] - ei * a[1], y[k * o + 1] = er * a[1] + ei * a[0];
                y[(r - k) * o] = fr * b[0] - fi * b[1], y[(r - k) * o + 1] = fr * b[1] + fi * b[0];
            }
        }
}

/* The FFT of `n` elements of z, which is destroyed; the result is in z or in `spare`, as returned. */
static INLINE V *NAME(stockham_)(const Transform *plan, Py_ssize_t n, V *z, V *spare)
{
    const REAL *w = plan->twiddles;
    for (Py_ssize_t k = 0, s = 1; k < plan->passes; k++) {
        const int r = plan->factors[k];
        n /= r;
        if (r == 4)
            NAME(pass4_)(z, spare, w, n, s);
        else if (r == 2)
            NAME(pass2_)(z, spare, w, n, s);
        else {
            const REAL *unit = w;
            w += 2 * r;
            if (r == 3)
                NAME(pass_odd_)(3, unit, z, spare, w, n, s);
            else if (r == 5)
                NAME(pass_odd_)(5, unit, z, spare, w, n, s);
            else if (r == 7)
                NAME(pass_odd_)(7, unit, z, spare, w, n, s);
            else
                NAME(pass_odd_)(r, unit, z, spare, w, n, s);
        }
        w += 2 * (r - 1) * n;
        s *= r;
        V *last = z;
        z = spare;
        spare = last;
    }
    return z;
}

/* As stockham_, for any length: with a chirp of n and a filter of `padded` complex numbers, x·chirp ∗ filter, times chirp. */
static INLINE V *NAME(fft_)(const Transform *plan, V *z, V *spare)
{
    const Py_ssize_t n = plan->n, m = plan->padded;
    if (m == n) return NAME(stockham_)(plan, n, z, spare);
    const REAL *chirp = plan->chirp, *filter = chirp + 2 * n;
    for (Py_ssize_t k = 0; k < n; k++) {
        const V r = z[2 * k], i = z[2 * k + 1];
        z[2 * k] = r * chirp[2 * k] - i * chirp[2 * k + 1], z[2 * k + 1] = r * chirp[2 * k + 1] + i * chirp[2 * k];
    }
    memset(z + 2 * n, 0, (size_t)(2 * (m - n)) * sizeof(V));
    V *x = NAME(stockham_)(plan, m, z, spare);
    for (Py_ssize_t k = 0; k < m; k++) { /* real and imaginary parts trade places: what follows is the inverse */
        const V r = x[2 * k], i = x[2 * k + 1];
        x[2 * k + 1] = r * filter[2 * k] - i * filter[2 * k + 1], x[2 * k] = r * filter[2 * k + 1] + i * filter[2 * k];
    }
    x = NAME(stockham_)(plan, m, x, x == z ? spare : z);
    for (Py_ssize_t k = 0; k < n; k++) {
        const V i = x[2 * k], r = x[2 * k + 1];
        x[2 * k] = r * chirp[2 * k] - i * chirp[2 * k + 1], x[2 * k + 1] = r * chirp[2 * k + 1] + i * chirp[2 * k];
    }
    return x;
}

/* Where Makhoul's order puts element j: the even ones first, then the odd ones backwards. */
static INLINE Py_ssize_t NAME(place_)(Py_ssize_t j, Py_ssize_t n, int shuffled)
{
    return !shuffled ? j : j % 2 ? n - (j + 1) / 2 : j / 2;
}

static INLINE void NAME(gather_)(const REAL *const *rows, Py_ssize_t given, Py_ssize_t n, int shuffled, REAL *restrict z)
{
    Py_ssize_t j = 0;
    for (; j + LINES <= given; j += LINES) {
        REAL block[LINES][LINES];
        for (int l = 0; l < LINES; l++) memcpy(block[l], rows[l] + j, LINE_BYTES);
        for (int c = 0; c < LINES; c++) {
            REAL *out = z + 2 * LINES * NAME(place_)(j + c, n, shuffled);
            for (int l = 0; l < LINES; l++) out[l] = block[l][c];
        }
    }
    for (; j < given; j++)
        for (int l = 0; l < LINES; l++) z[2 * LINES * NAME(place_)(j, n, shuffled) + l] = rows[l][j];
}

static INLINE void NAME(scatter_)(REAL *const *rows, Py_ssize_t wanted, Py_ssize_t n, int shuffled, const REAL *restrict z)
{
    Py_ssize_t j = 0;
    for (; j + LINES <= wanted; j += LINES) {
        REAL block[LINES][LINES];
        for (int c = 0; c < LINES; c++) memcpy(block[c], z + 2 * LINES * NAME(place_)(j + c, n, shuffled), LINE_BYTES);
        for (int l = 0; l < LINES; l++)
            for (int c = 0; c < LINES; c++) rows[l][j + c] = block[c][l];
    }
    for (; j < wanted; j++)
        for (int l = 0; l < LINES; l++) rows[l][j] = z[2 * LINES * NAME(place_)(j, n, shuffled) + l];
}

/* From the FFT of a + ib to the Hartley transforms of a and b. */
static INLINE void NAME(hartley_)(V *z, Py_ssize_t n)
{
    const REAL half = (REAL)0.5;
    for (Py_ssize_t k = 0; k <= n / 2; k++) {
        V *x = z + 2 * k, *y = z + 2 * (k ? n - k : 0);
        const V sum_r = (x[0] + y[0]) * half, sum_i = (x[1] + y[1]) * half, less_r = (x[0] - y[0]) * half, less_i = (x[1] - y[1]) * half;
        x[0] = sum_r - less_i, x[1] = sum_i + less_r;
        y[0] = sum_r + less_i, y[1] = sum_i - less_r;
    }
}

/* From the FFT of a + ib, in Makhoul's order, to the cosine transforms of a and b: `turn` has cos and sin of πk/2n. */
static INLINE void NAME(to_cosine_)(V *z, Py_ssize_t n, const REAL *turn)
{
    for (Py_ssize_t k = 1; k <= n / 2; k++) {
        V *x = z + 2 * k, *y = z + 2 * (n - k);
        const REAL c = turn[2 * k] * (REAL)0.5, s = turn[2 * k + 1] * (REAL)0.5;
        const V ar = x[0] + y[0], ai = x[1] - y[1], br = x[1] + y[1], bi = y[0] - x[0];
        x[0] = ar * c + ai * s, x[1] = br * c + bi * s;
        y[0] = ar * s - ai * c, y[1] = br * s - bi * c;
    }
}

/* Back again, with real and imaginary parts in each other's place: the FFT that follows is then the inverse one. */
static INLINE void NAME(from_cosine_)(V *z, Py_ssize_t n, const REAL *turn)
{
    const V a = z[0];
    z[0] = z[1], z[1] = a;
    for (Py_ssize_t k = 1; k <= n / 2; k++) {
        V *x = z + 2 * k, *y = z + 2 * (n - k);
        const REAL c = turn[2 * k], s = turn[2 * k + 1];
        const V ar = x[0] * c + y[0] * s, ai = x[0] * s - y[0] * c, br = x[1] * c + y[1] * s, bi = x[1] * s - y[1] * c;
        x[0] = ai + br, x[1] = ar - bi;
        y[0] = br - ai, y[1] = ar + bi;
    }
}

/* The transforms of 2·LINES lines in z, there or back, in z or `spare`. On the way back of a cosine transform real and imaginary parts are
 * in each other's place. */
static INLINE V *NAME(through_)(const Transform *plan, int back, V *z, V *spare)
{
    const int cosine = plan->turn != NULL;
    if (cosine && back) NAME(from_cosine_)(z, plan->n, plan->turn);
    z = NAME(fft_)(plan, z, spare);
    if (!cosine)
        NAME(hartley_)(z, plan->n);
    else if (!back)
        NAME(to_cosine_)(z, plan->n, plan->turn);
    return z;
}

/* Bytes of scratch that transform_ takes. */
static size_t NAME(room_)(const Transform *plan)
{
    return (size_t)(4 * plan->padded) * sizeof(V) + (size_t)(2 * plan->n) * sizeof(REAL) + VECTOR_BYTES;
}

/* `count` ≤ 2·LINES rows of `in`, `apart` numbers from each other, forward or back, to as many of `out`. Not normalised: there and back is
 * n times as much. Of the n points of a row plan->used are the picture's; where they are fewer, the others are their mirror image on the
 * way forward. */
MULTIVERSIONED static void NAME(transform_)(const Transform *plan, int back, const REAL *in, Py_ssize_t in_apart, REAL *out,
                                            Py_ssize_t out_apart, Py_ssize_t count, void *room)
{
    const Py_ssize_t n = plan->n, used = plan->used;
    V *z = (V *)(((uintptr_t)room + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES), *spare = z + 2 * plan->padded;
    REAL *nowhere = (REAL *)(spare + 2 * plan->padded), *nothing = nowhere + n;
    const REAL *from[2 * LINES];
    REAL *to[2 * LINES];
    memset(nothing, 0, (size_t)n * sizeof(REAL));
    for (Py_ssize_t l = 0; l < 2 * LINES; l++) {
        from[l] = l < count ? in + l * in_apart : nothing;
        to[l] = l < count ? out + l * out_apart : nowhere;
    }
    const int cosine = plan->turn != NULL, turned = cosine && back;
    NAME(gather_)(from, back ? n : used, n, cosine && !back, (REAL *)z);
    NAME(gather_)(from + LINES, back ? n : used, n, cosine && !back, (REAL *)(z + 1));
    for (Py_ssize_t j = back ? n : used; j < n; j++) {
        const V *mirrored = z + 2 * NAME(place_)(2 * used - 1 - j, n, cosine);
        V *here = z + 2 * NAME(place_)(j, n, cosine);
        here[0] = mirrored[0], here[1] = mirrored[1];
    }
    z = NAME(through_)(plan, back, z, spare);
    NAME(scatter_)(to, back ? used : n, n, turned, (REAL *)(z + turned));
    NAME(scatter_)(to + LINES, back ? used : n, n, turned, (REAL *)(z + !turned));
}

/* Rows start … stop of every channel of k->rhs, in place. */
static int NAME(rows_)(const Transform *plan, const Sweep *k, int back)
{
    void *room = malloc(NAME(room_)(plan));
    if (!room) return -1;
    for (Py_ssize_t c = 0; c < k->channels; c++)
        for (Py_ssize_t i = k->start; i < k->stop; i += 2 * LINES) {
            REAL *first = (REAL *)k->rhs + (c * k->height + i) * plan->n;
            NAME(transform_)(plan, back, first, plan->n, first, plan->n, k->stop - i < 2 * LINES ? k->stop - i : 2 * LINES, room);
        }
    free(room);
    return 0;
}

/* Of a strip: from frequencies to u (unless u is given), from u to the next right-hand side, and to frequencies again, while the rows
 * are in the cache. k->rhs has the frequencies, before and after; k->below what u has below the strip. Without k->u there are never more
 * than a few rows of u. */
MULTIVERSIONED static int NAME(iterate_)(const Transform *plan, const Sweep *k, int given)
{
    const Py_ssize_t n = plan->n;
    Py_ssize_t known = given ? k->stop : k->start, swept = k->start, sent = k->start;
    const Py_ssize_t kept = 2 * LINES + 2, C = k->channels, w = k->width;
    NAME(Rows) rows;
    void *room = malloc(NAME(room_)(plan));
    REAL *u = k->u ? k->u : malloc((size_t)(kept * C * w) * sizeof(REAL));
    if (!room || !u || NAME(begin_)(&rows, k)) {
        if (!k->u) free(u);
        free(room);
        return -1;
    }
    if (!k->u) rows.u = u, rows.u_plane = kept * w, rows.u_first = k->start;
    while (sent < k->stop) {
        const Py_ssize_t more = k->stop - known < 2 * LINES ? k->stop - known : 2 * LINES;
        for (Py_ssize_t c = 0; c < C && more; c++) {
            REAL *plane = u + c * rows.u_plane;
            if (!k->u) memmove(plane, plane + (swept - rows.u_first) * w, (size_t)((known - swept) * w) * sizeof(REAL));
            const Py_ssize_t at = known - (k->u ? 0 : swept);
            NAME(transform_)(plan, 1, (REAL *)k->rhs + (c * k->height + known) * n, n, plane + at * w, w, more, room);
        }
        if (!k->u && more) rows.u_first = swept;
        known += more;
        /* A row needs the one below. */
        Py_ssize_t ready = known < k->stop ? known - 1 : k->stop;
        if (ready > swept + 2 * LINES) ready = swept + 2 * LINES;
        NAME(sweep_)(k, &rows, swept, ready);
        swept = ready;
        while (sent < swept && (swept - sent >= 2 * LINES || swept == k->stop)) {
            const Py_ssize_t full = swept - sent < 2 * LINES ? swept - sent : 2 * LINES;
            for (Py_ssize_t c = 0; c < C; c++) {
                REAL *first = (REAL *)k->rhs + (c * k->height + sent) * n;
                NAME(transform_)(plan, 0, first, n, first, n, full, room);
            }
            sent += full;
        }
    }
    if (!k->u) free(u);
    free(room);
    NAME(end_)(k, &rows);
    return 0;
}

/* A step of the recursion y ← x·h + (1 − δ)y, for the columns of a block; in double, for its errors would add up where δ is small. */
#define STEP(value) for (Py_ssize_t j = 0; j < width; j++) y[j] += (value) - y[j] * delta[j]
#define SOURCE(i)                                                                                      \
    (links == 0 ? column[(i) * n + j] * h[j] : down[i] * h[j] + (links == 1 ? 0 : down[C * H + (i)] * h2[j]))

/* A block of columns. With links, the right-hand side is not in `column` but Σ across[k, j]·down[k, c, i], and what solves it is added to
 * what is there; `kept` has room for it. */
static INLINE void NAME(block_)(REAL *restrict column, const double *restrict x, Py_ssize_t C, Py_ssize_t H, Py_ssize_t n,
                                Py_ssize_t width, double penalty, int periodic, const int links, const double *restrict down,
                                const double *restrict across, REAL *restrict kept)
{
    double delta[BLOCK], h[BLOCK], h2[BLOCK], y[BLOCK], begin[BLOCK], end[BLOCK], least = 1;
    const Py_ssize_t apart = links ? BLOCK : n;
    for (Py_ssize_t j = 0; j < width; j++) {
        const double root = sqrt(x[j] * (x[j] + 4 * penalty));
        delta[j] = (x[j] + root) / (x[j] + 2 * penalty + root);
        h[j] = delta[j] * delta[j] / x[j] / (double)n;
        h2[j] = links > 1 ? h[j] * across[n + j] : 0;
        if (links) h[j] *= across[j];
        if (delta[j] < least) least = delta[j];
    }
    const double enough = least < 1 ? ceil(log(EPSILON / 8) / log1p(-least)) : 1;
    const Py_ssize_t near = enough < (double)H ? (Py_ssize_t)enough : H;
    for (Py_ssize_t j = 0; j < width; j++) {
        begin[j] = near < H ? 1 : -1 / expm1((double)(periodic ? H : 2 * H) * log1p(-delta[j]));
        end[j] = periodic ? begin[j] : 1 / delta[j];
    }
    for (Py_ssize_t c = 0; c < C; c++, column += H * n, down += links ? H : 0) {
        REAL *solved = links ? kept : column;
        for (Py_ssize_t j = 0; j < width; j++) y[j] = 0;
        for (Py_ssize_t i = periodic ? H - near : near == H ? 0 : H; i < H; i++) STEP(SOURCE(i));
        for (Py_ssize_t i = periodic ? 0 : near; i-- > 0;) STEP(SOURCE(i));
        for (Py_ssize_t j = 0; j < width; j++) y[j] *= begin[j];
        for (Py_ssize_t i = 0; i < H; i++) {
            STEP(SOURCE(i));
            for (Py_ssize_t j = 0; j < width; j++) solved[i * apart + j] = (REAL)y[j];
        }
        if (periodic) {
            for (Py_ssize_t j = 0; j < width; j++) y[j] = 0;
            for (Py_ssize_t i = near; i-- > 0;) STEP(solved[i * apart + j]);
        } else /* the last row is its own neighbour: as if it were above what it becomes */
            for (Py_ssize_t j = 0; j < width; j++) y[j] = solved[(H - 1) * apart + j];
        for (Py_ssize_t j = 0; j < width; j++) y[j] *= end[j];
        for (Py_ssize_t i = H; i-- > 0;) {
            STEP(solved[i * apart + j]);
            for (Py_ssize_t j = 0; j < width; j++) column[i * n + j] = links ? column[i * n + j] + (REAL)y[j] : (REAL)y[j];
        }
    }
}

#undef STEP
#undef SOURCE

/* Columns start … stop of C planes: (x[j] + penalty·DyᵀDy) z = rhs/n, in place; n is what the transforms there and back leave.
 *
 * On an endless column the operator is (1 − rS)(1 − rSᵀ)/h, with S the shift by a row, r = 1 − δ < 1 and h = δ²/x: one recursion down,
 * one up. The boundary says how the column goes on; the first recursion sets out from a sum over the nearest rows, as many as REAL can
 * tell from all of them. (δ, not r: where r is near 1 its rounding would count.) */
MULTIVERSIONED static void NAME(columns_)(REAL *plane, const double *x, Py_ssize_t C, Py_ssize_t H, Py_ssize_t n, Py_ssize_t start,
                                          Py_ssize_t stop, double penalty, int periodic)
{
    for (; stop - start >= BLOCK; start += BLOCK)
        NAME(block_)(plane + start, x + start, C, H, n, BLOCK, penalty, periodic, 0, NULL, NULL, NULL);
    if (start < stop) NAME(block_)(plane + start, x + start, C, H, n, stop - start, penalty, periodic, 0, NULL, NULL, NULL);
}

/* The same columns: z += what solves them for the right-hand side Σ across[k, j]·down[k, c, i]/n over `links` k. */
MULTIVERSIONED static int NAME(amend_)(REAL *plane, const double *x, Py_ssize_t C, Py_ssize_t H, Py_ssize_t n, Py_ssize_t start,
                                       Py_ssize_t stop, double penalty, int periodic, const double *down, const double *across, int links)
{
    REAL *kept = malloc((size_t)(H * BLOCK) * sizeof(REAL));
    if (!kept) return -1;
    for (; start < stop; start += BLOCK) {
        const Py_ssize_t width = stop - start < BLOCK ? stop - start : BLOCK;
        if (links == 1)
            NAME(block_)(plane + start, x + start, C, H, n, width, penalty, periodic, 1, down, across + start, kept);
        else
            NAME(block_)(plane + start, x + start, C, H, n, width, penalty, periodic, 2, down, across + start, kept);
    }
    free(kept);
    return 0;
}

/* out[c, i] = Σ across[j]·z[c, i, j], rows start … stop. */
MULTIVERSIONED static void NAME(across_)(const REAL *plane, const double *across, Py_ssize_t C, Py_ssize_t H, Py_ssize_t n, Py_ssize_t start,
                                         Py_ssize_t stop, double *out)
{
    for (Py_ssize_t c = 0; c < C; c++)
        for (Py_ssize_t i = start; i < stop; i++) {
            const REAL *row = plane + (c * H + i) * n;
            double lanes[LANES] = {0}, total = 0;
            Py_ssize_t j = 0;
            for (; j + LANES <= n; j += LANES)
                for (int l = 0; l < LANES; l++) lanes[l] += row[j + l] * across[j + l];
            for (; j < n; j++) lanes[j % LANES] += row[j] * across[j];
            for (int l = 0; l < LANES; l++) total += lanes[l];
            out[c * H + i] = total;
        }
}

/* As transform_, of columns start … start + count of a plane, in place; its rows are `apart` numbers from each other. */
static INLINE void NAME(transform_side_)(const Transform *plan, int back, REAL *plane, Py_ssize_t apart, const Py_ssize_t count, void *room)
{
    const Py_ssize_t n = plan->n;
    V *z = (V *)(((uintptr_t)room + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES), *spare = z + 2 * plan->padded;
    const int cosine = plan->turn != NULL, turned = cosine && back;
    if (count < 2 * LINES) memset(z, 0, (size_t)n * 2 * sizeof(V));
    for (Py_ssize_t j = 0; j < n; j++) memcpy(z + 2 * NAME(place_)(j, n, cosine && !back), plane + j * apart, (size_t)count * sizeof(REAL));
    z = NAME(through_)(plan, back, z, spare);
    for (Py_ssize_t j = 0; j < n; j++) {
        const V *found = z + 2 * NAME(place_)(j, n, turned);
        REAL pair[2 * LINES];
        memcpy(pair, found + turned, LINE_BYTES);
        memcpy(pair + LINES, found + !turned, LINE_BYTES);
        memcpy(plane + j * apart, pair, (size_t)count * sizeof(REAL));
    }
}

/* The same of all columns of a plane with plan->n rows. */
MULTIVERSIONED static void NAME(transform_columns_)(const Transform *plan, int back, REAL *plane, Py_ssize_t columns, void *room)
{
    Py_ssize_t j = 0;
    for (; j + 2 * LINES <= columns; j += 2 * LINES) NAME(transform_side_)(plan, back, plane + j, columns, 2 * LINES, room);
    if (j < columns) NAME(transform_side_)(plan, back, plane + j, columns, columns - j, room);
}

/* Columns and rows of a plane to frequencies, in place, or back, to `out`; `room` is enough for either. */
static void NAME(transform_plane_)(const Transform *rows, const Transform *columns, int back, REAL *plane, REAL *out, void *room)
{
    const Py_ssize_t n = rows->n, H = columns->n;
    if (back) NAME(transform_columns_)(columns, back, plane, n, room);
    for (Py_ssize_t r = 0; r < H; r += 2 * LINES)
        NAME(transform_)(rows, back, plane + r * n, n, out + r * n, n, H - r < 2 * LINES ? H - r : 2 * LINES, room);
    if (!back) NAME(transform_columns_)(columns, back, out, n, room);
}

static void *NAME(room_for_planes_)(const Transform *rows, const Transform *columns)
{
    const size_t one = NAME(room_)(rows), other = NAME(room_)(columns);
    return malloc(one > other ? one : other);
}

/* Planes start … stop of every channel of k->rhs, in place. */
static int NAME(planes_)(const Transform *rows, const Transform *columns, const Sweep *k, int back)
{
    void *room = NAME(room_for_planes_)(rows, columns);
    if (!room) return -1;
    for (Py_ssize_t c = 0; c < k->channels; c++)
        for (Py_ssize_t i = k->start; i < k->stop; i++) {
            REAL *plane = (REAL *)k->rhs + (c * k->height + i) * k->width;
            NAME(transform_plane_)(rows, columns, back, plane, plane, room);
        }
    free(room);
    return 0;
}

#undef V
#undef LINE_BYTES
#undef LINES
#undef NAME
#undef PASTE
#undef PASTE_
