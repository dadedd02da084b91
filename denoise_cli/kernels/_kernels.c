/* The passes over a picture between two transforms, compiled: what sweeps.py does in NumPy, in one walk over rows and without the GIL.
 *
 * Optional: where no compiler was found at installation, or DENOISE_KERNELS=numpy is set, the NumPy path does the same, to rounding. */

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
/* One binary, the widest vectors that the processor has; chosen by the loader where it can (glibc). */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#define MULTIVERSIONED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MULTIVERSIONED
#endif
#if defined(_MSC_VER)
#define restrict __restrict
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

/* Made by transforms.py, which says what the tables hold. */
typedef struct {
    Py_ssize_t n, used, padded, passes; /* points of a row, those of the picture, those of the FFT, and its passes */
    const int *factors;
    const void *twiddles, *turn, *chirp;
} Transform;

/* Which differences share a norm. */
enum { ALONE, SUM, PIXEL, VECTOR, CHANNELS };

typedef struct {
    const void *f, *weight_map, *fidelity_map, *below, *clean;
    void *u, *s, *rhs, *spill, *s_d, *divergence, *spill_w, *derivative, *picture, *anchor, *multiplier;
    Py_ssize_t channels, height, width, stride, start, stop; /* stride: of a row of rhs, spill and below */
    int grouping, periodic, kink, drops_anchor, tally;
    double weight, step, c, rho, to_rhs, to_dual, curvature, beta, from_v, from_w, from_anchor;
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

#define REAL float
#define SUFFIX f
#define ABS fabsf
#define SQRT sqrtf
#define TINY 1.17549435e-38f
#define EPSILON 1.1920929e-7
#include "_sweep.h"
#include "_projection.h"
#include "_transform.h"
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
#include "_transform.h"

#define MOST 20

typedef struct {
    Py_buffer views[MOST];
    int count, size; /* size of a number: 4, 8, or 0 before the first array */
} Arrays;

static void release(Arrays *arrays)
{
    while (arrays->count) PyBuffer_Release(&arrays->views[--arrays->count]);
}

/* The numbers of a C-contiguous array of `length` floats of one kind with the others; NULL, without an error, for None. */
static int take(Arrays *arrays, PyObject *object, Py_ssize_t length, int writable, void *pointer)
{
    *(void **)pointer = NULL;
    if (object == Py_None) return 0;
    Py_buffer *view = &arrays->views[arrays->count];
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0))) return -1;
    arrays->count++;
    const int size = strcmp(view->format, "f") == 0 ? 4 : strcmp(view->format, "d") == 0 ? 8 : -1;
    if (!arrays->size) arrays->size = size;
    if (size < 0 || size != arrays->size) {
        PyErr_SetString(PyExc_TypeError, "kernels take arrays of one kind, float32 or float64");
        return -1;
    }
    if (view->len != length * size) {
        PyErr_Format(PyExc_ValueError, "an array has %zd bytes where %zd were expected", view->len, length * size);
        return -1;
    }
    *(void **)pointer = view->buf;
    return 0;
}

static int numbers(PyObject *const *args, int count, double *out)
{
    for (int k = 0; k < count; k++) {
        out[k] = PyFloat_AsDouble(args[k]);
        if (out[k] == -1 && PyErr_Occurred()) return -1;
    }
    return 0;
}

static int shape_of(PyObject *const *args, Py_ssize_t *channels, Py_ssize_t *height, Py_ssize_t *width, Py_ssize_t *start, Py_ssize_t *stop)
{
    *channels = PyLong_AsSsize_t(args[0]);
    *height = PyLong_AsSsize_t(args[1]);
    *width = PyLong_AsSsize_t(args[2]);
    *start = PyLong_AsSsize_t(args[3]);
    *stop = PyLong_AsSsize_t(args[4]);
    if (PyErr_Occurred()) return -1;
    if (*channels < 1 || *height < 1 || *width < 1 || *start < 0 || *stop < *start || *stop > *height) {
        PyErr_SetString(PyExc_ValueError, "rows outside the picture");
        return -1;
    }
    return 0;
}

#define shape(args, k) shape_of(args, &(k)->channels, &(k)->height, &(k)->width, &(k)->start, &(k)->stop)

static PyObject *finish(Arrays *arrays, int failed, const double *sums)
{
    release(arrays);
    if (PyErr_Occurred()) return NULL;
    if (failed) return PyErr_NoMemory();
    return Py_BuildValue("dd", sums[0], sums[1]);
}

#define COUNT_IS(n)                                                                     \
    if (count != (n)) {                                                                 \
        PyErr_Format(PyExc_TypeError, "takes %d arguments, not %zd", (n), count);       \
        return NULL;                                                                    \
    }
#define RUN(function)                                                                   \
    Py_BEGIN_ALLOW_THREADS failed = arrays.size == 4 ? function##f(&k) : function##d(&k); \
    Py_END_ALLOW_THREADS

static PyObject *cost(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(13)
    double sums[2] = {0, 0};
    Sweep k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0};
    int failed = 0;
    if (shape(args, &k)) return NULL;
    const Py_ssize_t pixels = k.height * k.width, size = k.channels * pixels;
    if (take(&arrays, args[5], size, 0, &k.u) || take(&arrays, args[6], size, 0, &k.f) ||
        take(&arrays, args[7], pixels, 0, &k.weight_map) || take(&arrays, args[8], pixels, 0, &k.fidelity_map) ||
        numbers(args + 12, 1, &k.weight))
        return finish(&arrays, 0, sums);
    k.grouping = (int)PyLong_AsLong(args[9]);
    k.periodic = PyObject_IsTrue(args[10]);
    k.kink = PyObject_IsTrue(args[11]);
    if (!k.u || !k.f) PyErr_SetString(PyExc_ValueError, "an array is missing");
    if (!PyErr_Occurred()) {
        RUN(cost_)
    }
    return finish(&arrays, failed, sums);
}

static PyObject *distance(PyObject *module, PyObject *const *args, Py_ssize_t count)
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

static PyObject *bound(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(10)
    double sums[2] = {0, 0};
    Sweep k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0};
    int failed = 0;
    if (shape(args, &k)) return NULL;
    const Py_ssize_t size = k.channels * k.height * k.width;
    if (take(&arrays, args[5], size, 0, &k.divergence) || take(&arrays, args[6], size, 0, &k.f) ||
        take(&arrays, args[7], size, 0, &k.derivative))
        return finish(&arrays, 0, sums);
    k.kink = PyObject_IsTrue(args[8]);
    Arrays boxes = {.count = 0, .size = 8};
    if (!take(&boxes, args[9], 2 * k.channels, 0, &k.box) && (!k.divergence || !k.f || !k.box))
        PyErr_SetString(PyExc_ValueError, "an array is missing");
    if (!PyErr_Occurred()) {
        RUN(bound_)
    }
    release(&boxes);
    return finish(&arrays, failed, sums);
}

/* The tables of transforms.py: (factors, twiddles, turn, chirp), of `n` points. */
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

static PyObject *rows(PyObject *module, PyObject *const *args, Py_ssize_t count)
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

static PyObject *columns(PyObject *module, PyObject *const *args, Py_ssize_t count)
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

static PyObject *across(PyObject *module, PyObject *const *args, Py_ssize_t count) { return cutting(args, count, 0); }

static PyObject *amend(PyObject *module, PyObject *const *args, Py_ssize_t count) { return cutting(args, count, 1); }

static PyObject *iterate(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(40)
    double sums[3] = {0, 0, 0}, real[11];
    Sweep k = {.sums = sums};
    Transform t = {0};
    Arrays arrays = {.count = 0, .size = 0}, integers = {.count = 0, .size = 0};
    int failed = 0;
    if (shape(args, &k)) return NULL;
    const Py_ssize_t pixels = k.height * k.width, size = k.channels * pixels, row = k.channels * k.width;
    k.stride = PyLong_AsSsize_t(args[34]);
    if (k.stride < k.width || k.stride > 2 * k.width) {
        PyErr_SetString(PyExc_ValueError, "a row of frequencies is shorter than one of the picture, or twice as long");
        return NULL;
    }
    const Py_ssize_t transformed = k.channels * k.stride;
    const int given = PyObject_IsTrue(args[6]);
    if (!take(&arrays, args[7], size, !given, &k.u) && !take(&arrays, args[8], size, 0, &k.f) && !take(&arrays, args[9], 2 * size, 1, &k.s) &&
        !take(&arrays, args[10], transformed * k.height, 1, &k.rhs) && !take(&arrays, args[11], transformed, 1, &k.spill) &&
        !take(&arrays, args[12], transformed, 0, &k.below) && !take(&arrays, args[13], pixels, 0, &k.weight_map) &&
        !take(&arrays, args[14], size, 1, &k.s_d) && !take(&arrays, args[15], pixels, 0, &k.fidelity_map) &&
        !take(&arrays, args[16], size, 1, &k.divergence) && !take(&arrays, args[17], row, 1, &k.spill_w) &&
        !take(&arrays, args[18], size, 1, &k.derivative) && !take(&arrays, args[19], size, 1, &k.picture) &&
        !take(&arrays, args[20], size, 0, &k.clean) && !take(&arrays, args[35], (k.s_d ? 3 : 2) * size, 1, &k.anchor) &&
        !take(&arrays, args[39], 2 * size, 1, &k.multiplier) && !numbers(args + 26, 8, real) && !numbers(args + 36, 3, real + 8) &&
        !tables(&arrays, args[5], k.stride, &t, &integers)) {
        t.used = k.width;
        k.grouping = (int)PyLong_AsLong(args[21]);
        k.periodic = PyObject_IsTrue(args[22]);
        k.kink = PyObject_IsTrue(args[23]);
        k.drops_anchor = PyObject_IsTrue(args[24]);
        k.tally = PyObject_IsTrue(args[25]);
        k.weight = real[0], k.step = real[1], k.c = real[2], k.rho = real[3];
        k.to_rhs = real[4], k.to_dual = real[5], k.curvature = real[6], k.beta = real[7];
        k.from_v = real[8], k.from_w = real[9], k.from_anchor = real[10];
        if ((given && !k.u) || !k.f || !k.s || !k.rhs || !k.spill || !k.divergence != !k.spill_w || (k.derivative && !k.divergence) ||
            (k.picture && !k.s_d) || (k.multiplier && !k.divergence) || (!given && !k.below && (k.periodic || k.stop < k.height)))
            PyErr_SetString(PyExc_ValueError, "an array is missing");
    }
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        failed = arrays.size == 4 ? iterate_f(&t, &k, given) : iterate_d(&t, &k, given);
        Py_END_ALLOW_THREADS
    }
    release(&integers);
    PyObject *two = finish(&arrays, failed, sums);
    Py_XDECREF(two);
    return two ? Py_BuildValue("ddd", sums[0], sums[1], sums[2]) : NULL;
}

/* Both halves of a walk take the same arguments: halo() copies, for all strips, what walk() then needs of their neighbours. */
static PyObject *walking(PyObject *const *args, Py_ssize_t count, int copying)
{
    COUNT_IS(14)
    double sums[2] = {0, 0};
    Walk k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0}, steps = {.count = 0, .size = 8};
    int failed = 0;
    if (shape(args, &k)) return NULL;
    const Py_ssize_t pixels = k.height * k.width, size = k.channels * pixels;
    k.iterations = PyObject_Length(args[10]);
    if (k.iterations < 0) return NULL;
    k.first = k.start > k.iterations ? k.start - k.iterations : 0;
    k.last = k.stop + k.iterations < k.height ? k.stop + k.iterations : k.height;
    k.halo_rows = k.start - k.first + k.last - k.stop;
    if (!take(&arrays, args[5], 2 * size, 1, &k.now) && !take(&arrays, args[6], 2 * size, 1, &k.before) &&
        !take(&arrays, args[7], size, 0, &k.f) && !take(&arrays, args[8], pixels, 0, &k.weight_map) &&
        !take(&arrays, args[9], 4 * k.channels * k.halo_rows * k.width, 1, &k.halo) &&
        !take(&steps, args[10], k.iterations, 0, &k.momentum) && !numbers(args + 12, 1, &k.weight)) {
        k.grouping = (int)PyLong_AsLong(args[11]);
        k.excess = PyObject_IsTrue(args[13]);
        if (!k.now || !k.before || !k.f || !k.halo || !k.momentum) PyErr_SetString(PyExc_ValueError, "an array is missing");
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

static PyObject *halo(PyObject *module, PyObject *const *args, Py_ssize_t count) { return walking(args, count, 1); }

static PyObject *walk(PyObject *module, PyObject *const *args, Py_ssize_t count) { return walking(args, count, 0); }

static PyObject *prove(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    COUNT_IS(13)
    double sums[4] = {0, 0, 0, 0};
    Walk k = {.sums = sums};
    Arrays arrays = {.count = 0, .size = 0};
    int failed = 0;
    if (shape(args, &k)) return NULL;
    const Py_ssize_t pixels = k.height * k.width, size = k.channels * pixels;
    if (!take(&arrays, args[5], 2 * size, 0, &k.now) && !take(&arrays, args[6], size, 0, &k.f) &&
        !take(&arrays, args[7], pixels, 0, &k.weight_map) && !take(&arrays, args[8], size, 1, &k.picture) &&
        !numbers(args + 10, 1, &k.weight)) {
        k.grouping = (int)PyLong_AsLong(args[9]);
        k.residual = PyObject_IsTrue(args[11]);
        k.excess = PyObject_IsTrue(args[12]);
        if (!k.now || !k.f || !k.picture) PyErr_SetString(PyExc_ValueError, "an array is missing");
    }
    if (!PyErr_Occurred()) {
        RUN(prove_)
    }
    PyObject *two = finish(&arrays, failed, sums);
    Py_XDECREF(two);
    return two ? Py_BuildValue("dddd", sums[0], sums[1], sums[2], sums[3]) : NULL;
}

static PyMethodDef methods[] = {
    {"iterate", (PyCFunction)(void (*)(void))iterate, METH_FASTCALL, "A strip of an iteration of split Bregman; see sweeps.py."},
    {"cost", (PyCFunction)(void (*)(void))cost, METH_FASTCALL, "Fidelity and regularity of a strip."},
    {"distance", (PyCFunction)(void (*)(void))distance, METH_FASTCALL, "Squared distance of two pictures on a strip."},
    {"bound", (PyCFunction)(void (*)(void))bound, METH_FASTCALL, "Lower bound and stationarity of a strip."},
    {"rows", (PyCFunction)(void (*)(void))rows, METH_FASTCALL, "The rows of a strip to frequencies, or back."},
    {"columns", (PyCFunction)(void (*)(void))columns, METH_FASTCALL, "Columns solved: (x + DyᵀDy·penalty) z = rhs."},
    {"across", (PyCFunction)(void (*)(void))across, METH_FASTCALL, "Rows of a strip, times a vector."},
    {"amend", (PyCFunction)(void (*)(void))amend, METH_FASTCALL, "Columns solved for one right-hand side, added."},
    {"halo", (PyCFunction)(void (*)(void))halo, METH_FASTCALL, "What a strip's walk needs of its neighbours."},
    {"walk", (PyCFunction)(void (*)(void))walk, METH_FASTCALL, "Iterations of gradient projection on a strip; see projection.py."},
    {"prove", (PyCFunction)(void (*)(void))prove, METH_FASTCALL, "The primal picture of a strip, and the three sums of a gap."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_kernels", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModule_Create(&definition); }
