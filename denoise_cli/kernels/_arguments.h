/* What Python hands over: arrays as buffers, numbers, words, and descriptions, which are objects whose attributes are read by name.
 *
 * engines/description.py says what the attributes are. A word that names no kernel of ours is refused with a ValueError: nobody may be
 * taken for something else. */

#define MOST 28

/* The attributes that are read. */
#define ATTRIBUTES(X)                                                                                                          \
    X(channels) X(height) X(width) X(observed) X(weight) X(weight_map) X(fidelity) X(weights) X(grouping) X(boundary)           \
    X(tables) X(tables_down) X(length) X(u) X(given) X(state) X(right_side) X(fidelity_state) X(anchor) X(clean) X(tally) X(divergence)        \
    X(picture) X(derivative) X(multiplier) X(alpha) X(beta) X(scale) X(c) X(to_rhs) X(from_v) X(from_w) X(from_anchor)          \
    X(drops_anchor) X(curvature) X(start) X(stop) X(owed) X(seam) X(spill)

#define AS_NUMBER(name) AT_##name,
enum { ATTRIBUTES(AS_NUMBER) ATTRIBUTE_COUNT };
#define AS_WORD(name) #name,
static const char *const attribute_names[] = {ATTRIBUTES(AS_WORD)};
static PyObject *attributes[ATTRIBUTE_COUNT];

/* The words that name what we can compute, in the order of the enums of _kernels.c. */
static const char *const fidelities[] = {"squared_l2", "l1", NULL};
static const char *const groupings[] = {"alone", "sum", "pixel", "vector", "channels", NULL};
static const char *const boundaries[] = {"symmetric", "periodic", NULL};

static int intern_attributes(void)
{
    for (int k = 0; k < ATTRIBUTE_COUNT; k++)
        if (!(attributes[k] = PyUnicode_InternFromString(attribute_names[k]))) return -1;
    return 0;
}

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

#define GET(from, name) PyObject_GetAttr(from, attributes[AT_##name])

static int take_attribute(Arrays *arrays, PyObject *object, Py_ssize_t length, int writable, void *pointer)
{
    if (!object) return -1;
    const int failed = take(arrays, object, length, writable, pointer); /* a buffer keeps its owner alive */
    Py_DECREF(object);
    return failed;
}

#define TAKE(arrays, from, name, length, writable, pointer) take_attribute(arrays, GET(from, name), length, writable, pointer)

static int number_attribute(PyObject *object, double *out)
{
    if (!object) return -1;
    *out = PyFloat_AsDouble(object);
    Py_DECREF(object);
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

#define NUMBER(from, name, out) number_attribute(GET(from, name), out)

static int whole_attribute(PyObject *object, Py_ssize_t *out)
{
    if (!object) return -1;
    *out = PyLong_AsSsize_t(object);
    Py_DECREF(object);
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

#define WHOLE(from, name, out) whole_attribute(GET(from, name), out)

static int flag_attribute(PyObject *object, int *out)
{
    if (!object) return -1;
    *out = PyObject_IsTrue(object);
    Py_DECREF(object);
    return *out < 0 ? -1 : 0;
}

#define FLAG(from, name, out) flag_attribute(GET(from, name), out)

/* Which of the known words an attribute is. */
static int word_attribute(PyObject *object, const char *what, const char *const *known, int *out)
{
    if (!object) return -1;
    int found = -1;
    for (int k = 0; PyUnicode_Check(object) && known[k]; k++)
        if (PyUnicode_CompareWithASCIIString(object, known[k]) == 0) found = k;
    if (found < 0) PyErr_Format(PyExc_ValueError, "there is no compiled %s %R", what, object);
    Py_DECREF(object);
    *out = found;
    return found < 0 ? -1 : 0;
}

#define WORD(from, name, known, out) word_attribute(GET(from, name), #name, known, out)

/* A problem: f, F, R and D. */
typedef struct {
    const void *f, *weight_map, *fidelity_map;
    Py_ssize_t channels, height, width, start, stop, pixels, size;
    int grouping, boundary, fidelity;
    double weight;
} Described;

/* The description of a problem, and of which rows start … stop of it a call is about. */
static int describe(Arrays *arrays, PyObject *problem, PyObject *start, PyObject *stop, Described *d)
{
    if (WHOLE(problem, channels, &d->channels) || WHOLE(problem, height, &d->height) || WHOLE(problem, width, &d->width)) return -1;
    d->start = PyLong_AsSsize_t(start);
    d->stop = PyLong_AsSsize_t(stop);
    if (PyErr_Occurred()) return -1;
    if (d->channels < 1 || d->height < 1 || d->width < 1 || d->start < 0 || d->stop < d->start || d->stop > d->height) {
        PyErr_SetString(PyExc_ValueError, "rows outside the picture");
        return -1;
    }
    d->pixels = d->height * d->width, d->size = d->channels * d->pixels;
    if (WORD(problem, fidelity, fidelities, &d->fidelity) || WORD(problem, grouping, groupings, &d->grouping) ||
        WORD(problem, boundary, boundaries, &d->boundary) || NUMBER(problem, weight, &d->weight) ||
        TAKE(arrays, problem, observed, d->size, 0, &d->f) || TAKE(arrays, problem, weight_map, d->pixels, 0, &d->weight_map) ||
        TAKE(arrays, problem, weights, d->pixels, 0, &d->fidelity_map))
        return -1;
    if (d->f) return 0;
    PyErr_SetString(PyExc_ValueError, "an array is missing");
    return -1;
}

/* A problem as the passes between two transforms want it. */
static int describe_sweep(Arrays *arrays, PyObject *problem, PyObject *start, PyObject *stop, Sweep *k)
{
    Described d = {0};
    if (describe(arrays, problem, start, stop, &d)) return -1;
    k->f = d.f, k->weight_map = d.weight_map, k->fidelity_map = d.fidelity_map, k->weight = d.weight;
    k->channels = d.channels, k->height = d.height, k->width = d.width, k->start = d.start, k->stop = d.stop;
    k->grouping = d.grouping, k->periodic = d.boundary == PERIODIC, k->l1 = d.fidelity == L1;
    return 0;
}

/* What stands beside a volume, which is a picture whose rows are its planes: (columns, x, y, z, step), the voxels of a row, what differences
 * along x, y and z are multiplied by, and the step of gradient projection. */
static int stands_beside(PyObject *beside, Py_ssize_t plane, Py_ssize_t *columns, double *along, double *step)
{
    double told[5];
    if (!PyTuple_Check(beside) || PyTuple_GET_SIZE(beside) != 5) {
        PyErr_SetString(PyExc_TypeError, "beside a volume stand (columns, x, y, z, step)");
        return -1;
    }
    for (int e = 0; e < 5; e++) {
        PyObject *one = PyTuple_GET_ITEM(beside, e);
        if (numbers(&one, 1, told + e)) return -1;
    }
    *columns = (Py_ssize_t)told[0];
    if (*columns < 1 || plane % *columns || !(told[4] > 0)) {
        PyErr_SetString(PyExc_ValueError, "rows that do not fill a plane, or no step");
        return -1;
    }
    along[0] = told[1], along[1] = told[2], along[2] = told[3], *step = told[4];
    return 0;
}

/* A volume as the passes between two transforms want it: after describe_sweep(). */
static int volume_of(PyObject *beside, Sweep *k)
{
    double unused;
    if (stands_beside(beside, k->width, &k->columns, k->along, &unused)) return -1;
    if (k->grouping != SUM) return 0;
    PyErr_SetString(PyExc_ValueError, "there is no compiled sum over the channels of a volume");
    return -1;
}

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
