/* The passes over a picture between two transforms, compiled: what engines/in_numpy.py does, in one walk over rows and without the GIL.
 *
 * Optional: where no compiler was found at installation, or DENOISE_KERNELS=numpy is set, the NumPy engine does the same, to rounding. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__) || defined(__clang__)
#define INLINE inline __attribute__((always_inline))
#else
#define INLINE inline
#endif
/* One binary, the widest vectors that the processor has; chosen by the loader where it can (glibc), unless PLAIN is defined. */
#if !defined(PLAIN) && defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#define MULTIVERSIONED __attribute__((target_clones("avx512f", "avx2", "default")))
/* For loops over a dozen rows that begin anywhere, which wait for the memory: vectors of a whole cache line would lie across two of them. */
#define NARROW __attribute__((target_clones("avx2", "default")))
#else
#define MULTIVERSIONED
#define NARROW
#endif
#if defined(_MSC_VER)
#define restrict __restrict
#endif
/* Before a loop whose turns do not depend on one another, which the compiler cannot always see. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#elif defined(_MSC_VER)
#define INDEPENDENT __pragma(loop(ivdep))
#else
#define INDEPENDENT
#endif

/* The same before a loop that clang 14 cannot vectorise, and would say so. */
#if defined(__clang__)
#define INDEPENDENT_TO_GCC
#else
#define INDEPENDENT_TO_GCC INDEPENDENT
#endif

#define LANES 16

/* Rows are transformed as many at a time as a vector has numbers; without vector types, one after another. */
#if defined(__GNUC__) || defined(__clang__)
#define VECTORS
#define PREFETCH(address) __builtin_prefetch(address, 1, 2)
#else
#define PREFETCH(address) (void)(address)
#endif
#define VECTOR_BYTES 64
#define LARGEST_RADIX 64
#define BLOCK 128 /* columns that are solved side by side */

/* Made by transform_tables.py, which says what the tables hold. */
typedef struct {
    Py_ssize_t n, used, padded, passes; /* points of a row, those of the picture, those of the FFT, and its passes */
    const int *factors;
    const void *twiddles, *turn, *chirp;
} Transform;

/* What there are kernels for, in the order of the words in _arguments.h: fidelities, which differences share a norm, boundaries. */
enum { SQUARED_L2, L1 };
enum { ALONE, SUM, PIXEL, VECTOR, CHANNELS };
enum { SYMMETRIC, PERIODIC };

typedef struct {
    const void *f, *weight_map, *fidelity_map, *below, *clean;
    void *u, *s, *rhs, *spill, *s_d, *divergence, *spill_w, *derivative, *picture, *anchor, *multiplier;
    Py_ssize_t channels, height, width, stride, start, stop; /* stride: of a row of rhs, spill and below */
    int grouping, periodic, l1, drops_anchor, tally;
    double weight, step, c, rho, to_rhs, to_dual, curvature, beta, from_v, from_w, from_anchor;
    Py_ssize_t columns; /* of a volume, whose planes are rows to all of the above: voxels of a row; and as in Block */
    double along[3];
    const double *box;
    double *sums;
} Sweep;

/* Rows start … stop of the picture; first … last with the halo. */
typedef struct {
    void *now, *before, *halo, *picture;
    const void *f, *weight_map;
    const double *momentum;
    Py_ssize_t channels, height, width, start, stop, first, last, halo_rows, iterations;
    int grouping, residual, excess;
    double weight, *sums;
} Walk;

/* A volume as gradient projection wants it: its planes start … stop; first … last with the halo. along: by what the differences along
 * x, y and z are multiplied. */
typedef struct {
    void *now, *before, *halo, *picture;
    const void *f, *weight_map;
    const double *momentum;
    Py_ssize_t channels, depth, rows, columns, start, stop, first, last, halo_planes, iterations, band; /* band: of rows, or 0 for all */
    int grouping, residual, excess;
    double weight, along[3], step, *sums;
} Block;

#define REAL float
#define SUFFIX f
#define ABS fabsf
#define SQRT sqrtf
#define TINY 1.17549435e-38f
#define EPSILON 1.1920929e-7
#include "_sweep.h"
#include "_projection.h"
#include "_volume.h"
#include "_transform.h"
#include "_volume_sweep.h"
#undef EPSILON
#undef REAL
#undef SUFFIX
#undef ABS
#undef SQRT
#define REAL double
#define SUFFIX d
#define ABS fabs
#define SQRT sqrt
#define EPSILON 2.220446049250313e-16
#include "_sweep.h"
#include "_projection.h"
#include "_volume.h"
#include "_transform.h"
#include "_volume_sweep.h"

#include "_arguments.h"

static PyObject *cost(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(4) /* problem, start, stop, u */
    double sums[2] = {0, 0};
    Sweep k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0};
    int failed = 0;
    if (!describe_sweep(&arrays, args[0], args[1], args[2], &k) && !take(&arrays, args[3], k.channels * k.height * k.width, 0, &k.u) && !k.u)
        PyErr_SetString(PyExc_ValueError, "an array is missing");
    if (!PyErr_Occurred()) {
        RUN(cost_)
    }
    return finish(&arrays, failed, sums);
}

static PyObject *distance(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(7)
    double sums[2] = {0, 0};
    Sweep k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0};
    int failed = 0;
    if (shape(args, &k)) return NULL;
    const Py_ssize_t size = k.channels * k.height * k.width;
    if (!take(&arrays, args[5], size, 0, &k.u) && !take(&arrays, args[6], size, 0, &k.f) && (!k.u || !k.f))
        PyErr_SetString(PyExc_ValueError, "an array is missing");
    if (!PyErr_Occurred()) {
        RUN(distance_)
    }
    return finish(&arrays, failed, sums);
}

static PyObject *bound(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(6) /* problem, start, stop, divergence, derivative, box */
    double sums[2] = {0, 0};
    Sweep k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0}, boxes = {.count = 0, .size = 8};
    int failed = 0;
    if (!describe_sweep(&arrays, args[0], args[1], args[2], &k)) {
        const Py_ssize_t size = k.channels * k.height * k.width;
        if (!take(&arrays, args[3], size, 0, &k.divergence) && !take(&arrays, args[4], size, 0, &k.derivative) &&
            !take(&boxes, args[5], 2 * k.channels, 0, &k.box) && (!k.divergence || !k.box || k.fidelity_map))
            PyErr_SetString(PyExc_ValueError, k.fidelity_map ? "there is no compiled bound of weighted terms" : "an array is missing");
    }
    if (!PyErr_Occurred()) {
        RUN(bound_)
    }
    release(&boxes);
    return finish(&arrays, failed, sums);
}

/* The tables of transform_tables.py: (factors, twiddles, turn, chirp), of `n` points. */
static int tables(Arrays *arrays, PyObject *plan, Py_ssize_t n, Transform *t, Arrays *integers)
{
    if (!PyTuple_Check(plan) || PyTuple_GET_SIZE(plan) != 4) {
        PyErr_SetString(PyExc_TypeError, "a transform is four tables");
        return -1;
    }
    PyObject *factors = PyTuple_GET_ITEM(plan, 0);
    Py_buffer *view = &integers->views[0];
    if (PyObject_GetBuffer(factors, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)) return -1;
    integers->count = 1;
    if (strcmp(view->format, "i") != 0) {
        PyErr_SetString(PyExc_TypeError, "factors are int32");
        return -1;
    }
    t->n = t->used = n, t->factors = view->buf, t->passes = view->len / (Py_ssize_t)sizeof(int), t->padded = 1;
    Py_ssize_t length = 0;
    for (Py_ssize_t k = 0; k < t->passes; k++) {
        const Py_ssize_t r = t->factors[k];
        if (r < 2 || r > LARGEST_RADIX || t->padded > PY_SSIZE_T_MAX / 4096) {
            PyErr_SetString(PyExc_ValueError, "a factor is out of range");
            return -1;
        }
        t->padded *= r;
    }
    for (Py_ssize_t k = 0, m = t->padded; k < t->passes; k++) {
        const Py_ssize_t r = t->factors[k];
        m /= r;
        length += 2 * (r - 1) * m + (r == 2 || r == 4 ? 0 : 2 * r);
    }
    if (t->padded != n && t->padded < 2 * n - 1) {
        PyErr_SetString(PyExc_ValueError, "the factors are of another length");
        return -1;
    }
    if (take(arrays, PyTuple_GET_ITEM(plan, 1), length, 0, &t->twiddles) ||
        take(arrays, PyTuple_GET_ITEM(plan, 2), 2 * (n / 2 + 1), 0, &t->turn) ||
        take(arrays, PyTuple_GET_ITEM(plan, 3), 2 * (n + t->padded), 0, &t->chirp))
        return -1;
    if (t->twiddles && (t->padded == n || t->chirp)) return 0;
    PyErr_SetString(PyExc_ValueError, "a table is missing");
    return -1;
}

static PyObject *rows(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(9)
    const double nothing[2] = {0, 0};
    Sweep k = {0};
    Transform t = {0};
    Arrays arrays = {.count = 0, .size = 0}, integers = {.count = 0, .size = 0};
    int failed = 0;
    if (shape(args, &k)) return NULL;
    const int back = PyObject_IsTrue(args[7]);
    const Py_ssize_t used = PyLong_AsSsize_t(args[8]);
    if (!take(&arrays, args[5], k.channels * k.height * k.width, 1, &k.rhs) && !tables(&arrays, args[6], k.width, &t, &integers)) {
        t.used = used;
        if (!k.rhs || used > k.width || 2 * used < k.width) PyErr_SetString(PyExc_ValueError, "an array is missing, or too few points are used");
    }
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        failed = arrays.size == 4 ? rows_f(&t, &k, back) : rows_d(&t, &k, back);
        Py_END_ALLOW_THREADS
    }
    release(&integers);
    return finish(&arrays, failed, nothing);
}

static PyObject *columns(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(9)
    const double nothing[2] = {0, 0};
    double penalty = 0;
    Sweep k = {0};
    Arrays arrays = {.count = 0, .size = 0}, eigenvalues = {.count = 0, .size = 8};
    const double *x;
    if (shape(args, &k)) return NULL; /* of the picture on its side: height and width trade places */
    if (!take(&arrays, args[5], k.channels * k.height * k.width, 1, &k.rhs) && !take(&eigenvalues, args[6], k.height, 0, &x) &&
        !numbers(args + 7, 1, &penalty)) {
        k.periodic = PyObject_IsTrue(args[8]);
        if (!k.rhs || !x) PyErr_SetString(PyExc_ValueError, "an array is missing");
    }
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        if (arrays.size == 4)
            columns_f(k.rhs, x, k.channels, k.width, k.height, k.start, k.stop, penalty, k.periodic);
        else
            columns_d(k.rhs, x, k.channels, k.width, k.height, k.start, k.stop, penalty, k.periodic);
        Py_END_ALLOW_THREADS
    }
    release(&eigenvalues);
    return finish(&arrays, 0, nothing);
}

/* Both halves of a cut: across() finds what the two sides would exchange, amend() takes its effect away. */
static PyObject *cutting(PyObject *const *args, Py_ssize_t count, int amending)
{
    COUNT_IS(amending ? 12 : 8)
    const double nothing[2] = {0, 0};
    double penalty = 0;
    Sweep k = {0};
    Arrays arrays = {.count = 0, .size = 0}, doubles = {.count = 0, .size = 8};
    const double *across, *x = NULL;
    double *down;
    int failed = 0;
    if (shape(args, &k)) return NULL;
    const Py_ssize_t H = amending ? k.width : k.height, n = amending ? k.height : k.width, links = amending ? PyLong_AsSsize_t(args[8]) : 1;
    if (links < 1 || links > 2) PyErr_SetString(PyExc_ValueError, "a cut has one link or two");
    if (!PyErr_Occurred() && !take(&arrays, args[5], k.channels * H * n, amending, &k.rhs) &&
        !take(&doubles, args[6], links * n, 0, &across) && !take(&doubles, args[7], links * k.channels * H, !amending, &down) &&
        (!amending || (!take(&doubles, args[9], n, 0, &x) && !numbers(args + 10, 1, &penalty))) &&
        (!k.rhs || !across || !down || (amending && !x)))
        PyErr_SetString(PyExc_ValueError, "an array is missing");
    if (!PyErr_Occurred()) {
        k.periodic = amending && PyObject_IsTrue(args[11]);
        Py_BEGIN_ALLOW_THREADS
        if (amending)
            failed = arrays.size == 4 ? amend_f(k.rhs, x, k.channels, H, n, k.start, k.stop, penalty, k.periodic, down, across, (int)links)
                                      : amend_d(k.rhs, x, k.channels, H, n, k.start, k.stop, penalty, k.periodic, down, across, (int)links);
        else if (arrays.size == 4)
            across_f(k.rhs, across, k.channels, H, n, k.start, k.stop, down);
        else
            across_d(k.rhs, across, k.channels, H, n, k.start, k.stop, down);
        Py_END_ALLOW_THREADS
    }
    release(&doubles);
    return finish(&arrays, failed, nothing);
}

static PyObject *across(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) { return cutting(args, count, 0); }

static PyObject *amend(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) { return cutting(args, count, 1); }

/* A strip of an iteration: of a picture, with two axes; or of a volume, with three, and (columns, x, y, z, step) beside it. */
static PyObject *iterating(PyObject *const *args, Py_ssize_t count, Py_ssize_t axes)
{
    COUNT_IS(axes == 2 ? 4 : 5) /* problem, arrays, step, strip; and what stands beside a volume */
    PyObject *problem = args[0], *run = args[1], *step = args[2], *strip = args[3];
    double sums[3] = {0, 0, 0}, alpha = 0;
    Sweep k = {.sums = sums};
    Transform t = {0}, down = {0};
    Arrays arrays = {.count = 0, .size = 0}, integers = {.count = 0, .size = 0}, more = {.count = 0, .size = 0};
    int failed = 0, given = 0;
    PyObject *start = GET(strip, start), *stop = start ? GET(strip, stop) : NULL, *plan = stop ? GET(run, tables) : NULL;
    PyObject *plan_down = plan ? GET(run, tables_down) : NULL;
    if (plan_down && !describe_sweep(&arrays, problem, start, stop, &k) && !WHOLE(run, length, &k.stride) && !FLAG(run, given, &given)) {
        const Py_ssize_t size = k.channels * k.height * k.width, row = k.channels * k.width, transformed = k.channels * k.stride;
        if (axes == 3 && volume_of(args[4], &k)) {
        } else if (k.stride < k.width || k.stride > (axes == 2 ? 2 : 1) * k.width)
            PyErr_SetString(PyExc_ValueError, "a row of frequencies is shorter than one of the picture, or twice as long");
        else if (!TAKE(&arrays, run, u, size, !given, &k.u) && !TAKE(&arrays, run, state, axes * size, 1, &k.s) &&
                 !TAKE(&arrays, run, right_side, transformed * k.height, 1, &k.rhs) && !TAKE(&arrays, run, fidelity_state, size, 1, &k.s_d) &&
                 !TAKE(&arrays, run, divergence, size, 1, &k.divergence) && !TAKE(&arrays, run, derivative, size, 1, &k.derivative) &&
                 !TAKE(&arrays, run, picture, size, 1, &k.picture) && !TAKE(&arrays, run, clean, size, 0, &k.clean) &&
                 !TAKE(&arrays, run, anchor, (axes + (k.s_d != NULL)) * size, 1, &k.anchor) &&
                 !TAKE(&arrays, run, multiplier, axes * size, 1, &k.multiplier) && !FLAG(run, tally, &k.tally) &&
                 !NUMBER(run, curvature, &k.curvature) && !TAKE(&arrays, strip, owed, transformed, 1, &k.spill) &&
                 !TAKE(&arrays, strip, seam, transformed, 0, &k.below) && !TAKE(&arrays, strip, spill, row, 1, &k.spill_w) &&
                 !NUMBER(step, alpha, &alpha) && !NUMBER(step, beta, &k.beta) && !NUMBER(step, scale, &k.rho) && !NUMBER(step, c, &k.c) &&
                 !NUMBER(step, to_rhs, &k.to_rhs) && !NUMBER(step, from_v, &k.from_v) && !NUMBER(step, from_w, &k.from_w) &&
                 !NUMBER(step, from_anchor, &k.from_anchor) && !FLAG(step, drops_anchor, &k.drops_anchor) &&
                 !tables(&arrays, plan, axes == 2 ? k.stride : k.columns, &t, &integers) &&
                 (axes == 2 || !tables(&arrays, plan_down, k.width / k.columns, &down, &more))) {
            if (axes == 2) t.used = k.width;
            k.to_dual = alpha * k.rho, k.step = 1 / k.to_dual;
            if (!k.divergence) k.spill_w = NULL;
            if ((given && !k.u) || !k.s || !k.rhs || !k.spill || (k.divergence && !k.spill_w) || (k.derivative && !k.divergence) ||
                (k.picture && !k.s_d) || (k.multiplier && !k.divergence) || (!given && !k.below && (k.periodic || k.stop < k.height)))
                PyErr_SetString(PyExc_ValueError, "an array is missing");
        }
    }
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        if (axes == 2)
            failed = arrays.size == 4 ? iterate_f(&t, &k, given) : iterate_d(&t, &k, given);
        else
            failed = arrays.size == 4 ? volume_iterate_f(&t, &down, &k, given) : volume_iterate_d(&t, &down, &k, given);
        Py_END_ALLOW_THREADS
    }
    Py_XDECREF(start);
    Py_XDECREF(stop);
    release(&integers);
    release(&more);
    Py_XDECREF(plan);
    Py_XDECREF(plan_down);
    PyObject *two = finish(&arrays, failed, sums);
    Py_XDECREF(two);
    return two ? Py_BuildValue("ddd", sums[0], sums[1], sums[2]) : NULL;
}

static PyObject *iterate(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) { return iterating(args, count, 2); }

static PyObject *volume_iterate(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) { return iterating(args, count, 3); }

static PyObject *volume_cost(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(5) /* problem, start, stop, u, beside */
    double sums[2] = {0, 0};
    Sweep k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0};
    int failed = 0;
    if (!describe_sweep(&arrays, args[0], args[1], args[2], &k) && !volume_of(args[4], &k) &&
        !take(&arrays, args[3], k.channels * k.height * k.width, 0, &k.u) && !k.u)
        PyErr_SetString(PyExc_ValueError, "an array is missing");
    if (!PyErr_Occurred()) {
        RUN(volume_cost_)
    }
    return finish(&arrays, failed, sums);
}

static PyObject *volume_planes(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(10) /* channels, planes, voxels of a plane, start, stop, planes, columns, tables of rows, tables of columns, back */
    const double nothing[2] = {0, 0};
    Sweep k = {0};
    Transform t = {0}, down = {0};
    Arrays arrays = {.count = 0, .size = 0}, integers = {.count = 0, .size = 0}, more = {.count = 0, .size = 0};
    int failed = 0;
    if (shape(args, &k)) return NULL;
    k.columns = PyLong_AsSsize_t(args[6]);
    const int back = PyObject_IsTrue(args[9]);
    if (!PyErr_Occurred() && (k.columns < 1 || k.width % k.columns)) PyErr_SetString(PyExc_ValueError, "rows that do not fill a plane");
    if (!PyErr_Occurred() && !take(&arrays, args[5], k.channels * k.height * k.width, 1, &k.rhs) &&
        !tables(&arrays, args[7], k.columns, &t, &integers) && !tables(&arrays, args[8], k.width / k.columns, &down, &more) && !k.rhs)
        PyErr_SetString(PyExc_ValueError, "an array is missing");
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        failed = arrays.size == 4 ? planes_f(&t, &down, &k, back) : planes_d(&t, &down, &k, back);
        Py_END_ALLOW_THREADS
    }
    release(&integers);
    release(&more);
    return finish(&arrays, failed, nothing);
}

/* A problem as gradient projection wants it: unweighted squared L2 with mirrored edges, or, for `excess`, L1. */
static int describe_walk(Arrays *arrays, PyObject *const *args, PyObject *excess, Walk *k, Py_ssize_t *size)
{
    Described d = {0};
    k->excess = PyObject_IsTrue(excess);
    if (k->excess < 0 || describe(arrays, args[0], args[1], args[2], &d)) return -1;
    if (d.boundary != SYMMETRIC || d.fidelity != (k->excess ? L1 : SQUARED_L2) || d.fidelity_map || d.grouping == SUM) {
        PyErr_SetString(PyExc_ValueError, "there is no compiled gradient projection for this problem");
        return -1;
    }
    k->f = d.f, k->weight_map = d.weight_map, k->weight = d.weight, k->grouping = d.grouping;
    k->channels = d.channels, k->height = d.height, k->width = d.width, k->start = d.start, k->stop = d.stop;
    *size = d.size;
    return 0;
}

/* Both halves of a walk take the same arguments: halo() copies, for all strips, what walk() then needs of their neighbours. */
static PyObject *walking(PyObject *const *args, Py_ssize_t count, int copying)
{
    COUNT_IS(8) /* problem, start, stop, now, before, halo, momentum, excess */
    double sums[2] = {0, 0};
    Walk k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0}, steps = {.count = 0, .size = 8};
    Py_ssize_t size;
    int failed = 0;
    if (!describe_walk(&arrays, args, args[7], &k, &size) && (k.iterations = PyObject_Length(args[6])) >= 0) {
        k.first = k.start > k.iterations ? k.start - k.iterations : 0;
        k.last = k.stop + k.iterations < k.height ? k.stop + k.iterations : k.height;
        k.halo_rows = k.start - k.first + k.last - k.stop;
        if (!take(&arrays, args[3], 2 * size, 1, &k.now) && !take(&arrays, args[4], 2 * size, 1, &k.before) &&
            !take(&arrays, args[5], 4 * k.channels * k.halo_rows * k.width, 1, &k.halo) &&
            !take(&steps, args[6], k.iterations, 0, &k.momentum) && (!k.now || !k.before || !k.halo || !k.momentum))
            PyErr_SetString(PyExc_ValueError, "an array is missing");
    }
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        if (copying)
            arrays.size == 4 ? halo_f(&k) : halo_d(&k);
        else
            failed = arrays.size == 4 ? walk_f(&k) : walk_d(&k);
        Py_END_ALLOW_THREADS
    }
    release(&steps);
    return finish(&arrays, failed, sums);
}

static PyObject *halo(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) { return walking(args, count, 1); }

static PyObject *walk(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) { return walking(args, count, 0); }

static PyObject *prove(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(7) /* problem, start, stop, now, picture, residual, excess */
    double sums[4] = {0, 0, 0, 0};
    Walk k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0};
    Py_ssize_t size;
    int failed = 0;
    if (!describe_walk(&arrays, args, args[6], &k, &size) && !take(&arrays, args[3], 2 * size, 0, &k.now) &&
        !take(&arrays, args[4], size, 1, &k.picture)) {
        k.residual = PyObject_IsTrue(args[5]);
        if (!k.now || !k.picture) PyErr_SetString(PyExc_ValueError, "an array is missing");
    }
    if (!PyErr_Occurred()) {
        RUN(prove_)
    }
    PyObject *two = finish(&arrays, failed, sums);
    Py_XDECREF(two);
    return two ? Py_BuildValue("dddd", sums[0], sums[1], sums[2], sums[3]) : NULL;
}

/* A volume as gradient projection wants it; for `excess`, L1. */
static int describe_block(Arrays *arrays, PyObject *const *args, PyObject *beside, PyObject *excess, Block *k, Py_ssize_t *size)
{
    Described d = {0};
    k->excess = PyObject_IsTrue(excess);
    if (k->excess < 0 || describe(arrays, args[0], args[1], args[2], &d)) return -1;
    if (d.boundary != SYMMETRIC || d.fidelity != (k->excess ? L1 : SQUARED_L2) || d.fidelity_map || d.grouping == SUM) {
        PyErr_SetString(PyExc_ValueError, "there is no compiled gradient projection for this problem");
        return -1;
    }
    if (stands_beside(beside, d.width, &k->columns, k->along, &k->step)) return -1;
    k->f = d.f, k->weight_map = d.weight_map, k->weight = d.weight, k->grouping = d.grouping;
    k->channels = d.channels, k->depth = d.height, k->rows = d.width / k->columns, k->start = d.start, k->stop = d.stop;
    *size = d.size;
    return 0;
}

/* As walking(), of a volume. */
static PyObject *walking_volume(PyObject *const *args, Py_ssize_t count, int copying)
{
    COUNT_IS(10) /* problem, start, stop, now, before, halo, momentum, beside, excess, band */
    double sums[2] = {0, 0};
    Block k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0}, steps = {.count = 0, .size = 8};
    Py_ssize_t size;
    int failed = 0;
    if (!describe_block(&arrays, args, args[7], args[8], &k, &size) && (k.iterations = PyObject_Length(args[6])) >= 0) {
        k.band = PyLong_AsSsize_t(args[9]);
        k.first = k.start > k.iterations ? k.start - k.iterations : 0;
        k.last = k.stop + k.iterations < k.depth ? k.stop + k.iterations : k.depth;
        k.halo_planes = k.start - k.first + k.last - k.stop;
        if (!take(&arrays, args[3], 3 * size, 1, &k.now) && !take(&arrays, args[4], 3 * size, 1, &k.before) &&
            !take(&arrays, args[5], 6 * k.channels * k.halo_planes * k.rows * k.columns, 1, &k.halo) &&
            !take(&steps, args[6], k.iterations, 0, &k.momentum) && (!k.now || !k.before || !k.halo || !k.momentum))
            PyErr_SetString(PyExc_ValueError, "an array is missing");
    }
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        if (copying)
            arrays.size == 4 ? volume_halo_f(&k) : volume_halo_d(&k);
        else
            failed = arrays.size == 4 ? volume_walk_f(&k) : volume_walk_d(&k);
        Py_END_ALLOW_THREADS
    }
    release(&steps);
    return finish(&arrays, failed, sums);
}

static PyObject *volume_halo(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) { return walking_volume(args, count, 1); }

static PyObject *volume_walk(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) { return walking_volume(args, count, 0); }

static PyObject *volume_prove(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(8) /* problem, start, stop, now, picture, residual, beside, excess */
    double sums[4] = {0, 0, 0, 0};
    Block k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0};
    Py_ssize_t size;
    int failed = 0;
    if (!describe_block(&arrays, args, args[6], args[7], &k, &size) && !take(&arrays, args[3], 3 * size, 0, &k.now) &&
        !take(&arrays, args[4], size, 1, &k.picture)) {
        k.residual = PyObject_IsTrue(args[5]);
        if (!k.now || !k.picture) PyErr_SetString(PyExc_ValueError, "an array is missing");
    }
    if (!PyErr_Occurred()) {
        RUN(volume_prove_)
    }
    PyObject *two = finish(&arrays, failed, sums);
    Py_XDECREF(two);
    return two ? Py_BuildValue("dddd", sums[0], sums[1], sums[2], sums[3]) : NULL;
}

static PyMethodDef methods[] = {
    {"iterate", (PyCFunction)(void (*)(void))iterate, METH_FASTCALL, "A strip of an iteration of split Bregman; see engines/compiled_sweep.py."},
    {"cost", (PyCFunction)(void (*)(void))cost, METH_FASTCALL, "Fidelity and regularity of a strip."},
    {"distance", (PyCFunction)(void (*)(void))distance, METH_FASTCALL, "Squared distance of two pictures on a strip."},
    {"bound", (PyCFunction)(void (*)(void))bound, METH_FASTCALL, "Lower bound and stationarity of a strip."},
    {"rows", (PyCFunction)(void (*)(void))rows, METH_FASTCALL, "The rows of a strip to frequencies, or back."},
    {"columns", (PyCFunction)(void (*)(void))columns, METH_FASTCALL, "Columns solved: (x + DyᵀDy·penalty) z = rhs."},
    {"across", (PyCFunction)(void (*)(void))across, METH_FASTCALL, "Rows of a strip, times a vector."},
    {"amend", (PyCFunction)(void (*)(void))amend, METH_FASTCALL, "Columns solved for one right-hand side, added."},
    {"halo", (PyCFunction)(void (*)(void))halo, METH_FASTCALL, "What a strip's walk needs of its neighbours."},
    {"walk", (PyCFunction)(void (*)(void))walk, METH_FASTCALL, "Iterations of gradient projection on a strip; see engines/compiled_projection.py."},
    {"prove", (PyCFunction)(void (*)(void))prove, METH_FASTCALL, "The primal picture of a strip, and the three sums of a gap."},
    {"volume_iterate", (PyCFunction)(void (*)(void))volume_iterate, METH_FASTCALL, "The same of a volume; see engines/compiled_volume_sweep.py."},
    {"volume_cost", (PyCFunction)(void (*)(void))volume_cost, METH_FASTCALL, "Cost of a volume on a strip of planes."},
    {"volume_planes", (PyCFunction)(void (*)(void))volume_planes, METH_FASTCALL, "The planes of a strip to frequencies, or back."},
    {"volume_halo", (PyCFunction)(void (*)(void))volume_halo, METH_FASTCALL, "What a strip's walk needs of its neighbours."},
    {"volume_walk", (PyCFunction)(void (*)(void))volume_walk, METH_FASTCALL, "Iterations on planes; see engines/compiled_volume.py."},
    {"volume_prove", (PyCFunction)(void (*)(void))volume_prove, METH_FASTCALL, "The primal volume of a strip, and the sums of a gap."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_kernels", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernels(void) { return intern_attributes() ? NULL : PyModule_Create(&definition); }
