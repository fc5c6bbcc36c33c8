/* Pillow's two-pass resizes of an RGB picture, one or two of them, and patch rows of the result.
 *
 * Pillow (src/libImaging/Resample.c) multiplies grey levels with weights of 22 fractional bits, adds one half, shifts and
 * clips to 8 bits after each pass, over columns first. Integers only, so the same bits come out in any order of additions.
 *
 * Both passes are one loop, weigh(): the sum of a few rows of bytes, vector by vector. The pass over rows has its rows as
 * they are. The pass over columns takes a tile, N3D_VECTOR rows turned so that the picture's columns are rows of it.
 * Lines are made when they are asked for and kept while a window needs them, so what lies between the source and the
 * patch rows stays in the second cache. Coefficients come from n3d_ros/preprocess/resample.py, which also bounds them. */
#include "vectors.h"

#define TILE N3D_VECTOR /* rows that are turned together */
#define CHUNK 64 /* output columns made of one tile, so that it stays in the first cache; 3 * 64 is a multiple of PART */
#define LINE 64 /* bytes of a cache line */
#define INTO_SECOND_CACHE 2 /* of __builtin_prefetch */

/* The sources that count for one output: weights that are zero at the ends are left out. If they are the same from both
 * ends, `pairs` holds the first half. */
typedef struct {
    int64_t first, last;
    const weight_pair *pairs;
    int32_t num_pairs, mirrored;
} window;

/* Memory in pieces of whole cache lines. Without `start` only `used` grows. */
typedef struct {
    uint8_t *start;
    size_t used;
} arena;

/* One resize: columns, then rows, either of which may be missing. */
typedef struct stage {
    const n3d_pass *columns, *rows;
    const window *column_windows, *row_windows;
    struct stage *before; /* whose lines are the source, or NULL: */
    const uint8_t *source;
    int64_t source_step;
    int64_t in_stride, stride;       /* bytes from line to line of `input` and `lines` */
    uint8_t *input, *lines;          /* TILE source lines; lines after the pass over columns */
    int64_t num_lines, top, height;  /* in `lines`; the number of the first of them; of all there are */
    uint8_t *tile, *turned;          /* (columns of a chunk, 3, TILE): sources and outputs */
} stage;

static void *take(arena *memory, int64_t size) {
    uint8_t *piece = memory->start ? memory->start + memory->used : NULL;
    memory->used += (size_t)(size + LINE - 1) / LINE * LINE;
    return piece;
}

/* At least `size` bytes in an odd number of cache lines: at a power of two the lines of a tile evict each other. */
static int64_t stride_of(int64_t size) { return ((size + LINE - 1) / LINE | 1) * LINE; }

/* n bytes, in whole vectors, of the rows source, source + step, ... weighed by pairs; if `mirrored`, of those and the rows
 * from source + last on backwards by the same weights. */
INLINE void weigh_rows(const uint8_t *source, int64_t last, int64_t step, int64_t n, const weight_pair *pairs,
                       int64_t num_pairs, int mirrored, uint8_t *out) {
    for (int64_t i = 0; i < n; i += N3D_VECTOR, source += N3D_VECTOR) {
        sums all = no_sums();
        for (int64_t pair = 0; pair < num_pairs; pair++) {
            const int64_t a = 2 * pair * step, b = a + step;
            if (mirrored)
                add_mirrored(&all, load(source + a), load(source + last - a), load(source + b), load(source + last - b),
                             pairs[pair]);
            else
                add_two(&all, load(source + a), load(source + b), pairs[pair]);
        }
        store(out + i, levels(&all));
    }
}

/* One output of a pass, n bytes of it. source: row window->first. A constant number of pairs keeps weights in registers:
 * 2 are a bicubic filter's, 3 mirrored ones those of LANCZOS where a picture shrinks to its half. */
INLINE void weigh(const uint8_t *source, int64_t step, int64_t n, const window *of, uint8_t *out) {
    const int64_t last = (of->last - of->first) * step;
    if (of->mirrored && of->num_pairs == 3)
        weigh_rows(source, last, step, n, of->pairs, 3, 1, out);
    else if (of->mirrored)
        weigh_rows(source, last, step, n, of->pairs, of->num_pairs, 1, out);
    else if (of->num_pairs == 2)
        weigh_rows(source, 0, step, n, of->pairs, 2, 0, out);
    else
        weigh_rows(source, 0, step, n, of->pairs, of->num_pairs, 0, out);
}

/* Fills `of` and writes its pairs. An odd last weight is paired with zero, for a source that has to be readable only. */
static weight_pair *make_window(int64_t first, const int32_t *weights, int64_t taps, window *of, weight_pair *pairs) {
    int64_t begin = 0, end = taps, mirrored = 1;
    while (begin < end - 1 && !weights[begin]) begin++;
    while (end > begin + 1 && !weights[end - 1]) end--;
    for (int64_t i = begin, j = end - 1; i < j && mirrored; i++, j--) mirrored = weights[i] == weights[j];
    mirrored &= (end - begin) % 2 == 0;
    *of = (window){first + begin, first + end - 1, pairs, 0, (int32_t)mirrored};
    if (mirrored) end = (begin + end) / 2;
    for (int64_t i = begin; i < end; i += 2, pairs++) *pairs = pair_of(weights[i], i + 1 < end ? weights[i + 1] : 0);
    of->num_pairs = (int32_t)(pairs - of->pairs);
    return pairs;
}

static const window *make_windows(const n3d_pass *pass, arena *memory) {
    window *windows = take(memory, pass->size_out * (int64_t)sizeof *windows);
    weight_pair *pairs = take(memory, pass->size_out * (pass->taps + 1) / 2 * (int64_t)sizeof *pairs + LINE);
    if (memory->start && pass->taps)
        for (int64_t i = 0; i < pass->size_out; i++)
            pairs = make_window(pass->first[i], pass->weights + i * pass->taps, pass->taps, windows + i, pairs);
    return windows;
}

/* 16 columns of TILE rows -> 16 rows of TILE columns, or back (rows = 0): four rounds of interleaving the upper with the
 * lower half. */
INLINE void turn(const uint8_t *source, int64_t source_step, uint8_t *target, int64_t target_step, int rows) {
    vector a[PART], b[PART];
    for (int i = 0; i < PART; i++)
        a[i] = rows ? load_rows(source + i * source_step, source_step) : load(source + i * source_step);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < PART / 2; i++)
            b[2 * i] = zip_low(a[i], a[i + 8]), b[2 * i + 1] = zip_high(a[i], a[i + 8]);
        memcpy(a, b, sizeof a);
    }
    for (int i = 0; i < PART; i++) {
        if (rows)
            store(target + i * target_step, a[i]);
        else
            store_rows(target + i * target_step, target_step, a[i]);
    }
}

/* TILE rows of n bytes -> (n, TILE). What is left beside whole parts is turned with what came before it. */
static void to_tile(const uint8_t *source, int64_t step, int64_t n, uint8_t *tile) {
    for (int64_t i = 0; i + PART <= n; i += PART) turn(source + i, step, tile + i * TILE, TILE, 1);
    if (n >= PART && n % PART) turn(source + n - PART, step, tile + (n - PART) * TILE, TILE, 1);
    for (int64_t i = 0; n < PART && i < n; i++)
        for (int64_t row = 0; row < TILE; row++) tile[i * TILE + row] = source[row * step + i];
}

/* (n, TILE) -> TILE rows of n bytes, and of up to PART - 1 more that nobody reads. */
static void from_tile(const uint8_t *tile, int64_t n, uint8_t *target, int64_t step) {
    for (int64_t i = 0; i < n; i += PART) turn(tile + i * TILE, TILE, target + i, step, 0);
}

static int64_t chunk_at(const n3d_pass *pass, int64_t x) { return pass->size_out - x < CHUNK ? pass->size_out - x : CHUNK; }

/* Source columns of the outputs [x, x + count). */
static int64_t sources_of(const n3d_pass *pass, int64_t x, int64_t count) {
    return pass->first[x + count - 1] + pass->taps - pass->first[x];
}

/* n bytes of the rows of the next tile are asked for early: TILE rows side by side are more than a processor foresees. */
INLINE void ask_for(const uint8_t *source, int64_t step, int64_t n) {
    for (int64_t row = TILE; row < 2 * TILE; row++)
        for (int64_t i = 0; i < n; i += LINE) __builtin_prefetch(source + row * step + i, 0, INTO_SECOND_CACHE);
}

/* TILE rows (in_width, 3) -> TILE rows (out_width, 3). */
static void resize_columns(const stage *of, const uint8_t *source, int64_t step, uint8_t *out) {
    const n3d_pass *pass = of->columns;
    for (int64_t x = 0; x < pass->size_out; x += CHUNK) {
        const int64_t count = chunk_at(pass, x), first = pass->first[x];
        const int64_t n = sources_of(pass, x, count) * 3;
        if (!of->before) ask_for(source + first * 3, step, n);
        to_tile(source + first * 3, step, n, of->tile);
        for (int64_t i = 0; i < count; i++) {
            const window *column = of->column_windows + x + i;
            weigh(of->tile + (column->first - first) * 3 * TILE, 3 * TILE, 3 * TILE, column, of->turned + i * 3 * TILE);
        }
        from_tile(of->turned, count * 3, out + x * 3, of->stride);
    }
}

static void make_line(stage *of, int64_t y, uint8_t *out);

/* TILE lines more, or as many as there are; those before line `needed` are given up. */
static void make_lines(stage *of, int64_t needed) {
    const int64_t next = of->top + of->num_lines, left = of->height - next, count = left < TILE ? left : TILE;
    const int64_t gone = needed < next ? needed - of->top : of->num_lines;
    memmove(of->lines, of->lines + gone * of->stride, (size_t)((of->num_lines - gone) * of->stride));
    of->top += gone, of->num_lines -= gone;
    uint8_t *out = of->lines + of->num_lines * of->stride;
    const uint8_t *source = of->source + next * of->source_step;
    int64_t step = of->source_step;
    if (of->before || count < TILE) { /* a tile reads TILE lines in any case: what is there twice does no harm */
        for (int64_t i = 0; i < count; i++) {
            if (of->before)
                make_line(of->before, next + i, of->input + i * of->in_stride);
            else
                memcpy(of->input + i * of->in_stride, source + i * step, (size_t)(3 * of->columns->size_in));
        }
        source = of->input, step = of->in_stride;
    }
    if (of->columns->taps)
        resize_columns(of, source, step, out);
    else
        for (int64_t i = 0; i < count; i++) memcpy(out + i * of->stride, source + i * step, (size_t)(3 * of->columns->size_in));
    of->num_lines += count;
}

/* Line y of the result, in whole vectors; y never falls from call to call. */
static void make_line(stage *of, int64_t y, uint8_t *out) {
    const int64_t width = 3 * of->columns->size_out, n = (width + N3D_VECTOR - 1) / N3D_VECTOR * N3D_VECTOR;
    const int64_t needed = of->rows->taps ? of->rows->first[y] : y;
    const window *row = of->row_windows + y;
    while ((of->rows->taps ? row->last : y) >= of->top + of->num_lines) make_lines(of, needed);
    if (of->rows->taps)
        weigh(of->lines + (row->first - of->top) * of->stride, of->stride, n, row, out);
    else
        memcpy(out, of->lines + (y - of->top) * of->stride, (size_t)n);
}

/* Windows and memory of a stage. A pair may reach one line, or one column of a tile, beyond its last source. */
static void lay_out(stage *of, arena *memory) {
    int64_t most = 0;
    for (int64_t x = 0; of->columns->taps && x < of->columns->size_out; x += CHUNK) {
        const int64_t sources = sources_of(of->columns, x, chunk_at(of->columns, x));
        most = sources > most ? sources : most;
    }
    of->in_stride = stride_of(3 * of->columns->size_in), of->stride = stride_of(3 * of->columns->size_out);
    of->height = of->rows->size_in;
    of->column_windows = make_windows(of->columns, memory), of->row_windows = make_windows(of->rows, memory);
    of->input = take(memory, TILE * of->in_stride);
    of->lines = take(memory, (of->rows->taps + TILE + 1) * of->stride);
    of->tile = take(memory, (most + 1) * 3 * TILE);
    of->turned = take(memory, (CHUNK * 3 + PART) * TILE);
}

/* RGB pixels -> (3, width) planes. */
static void split_channels(const uint8_t *restrict pixels, int64_t width, uint8_t *restrict planes) {
    for (int64_t x = 0; x < width; x++) {
        planes[x] = pixels[3 * x];
        planes[width + x] = pixels[3 * x + 1];
        planes[2 * width + x] = pixels[3 * x + 2];
    }
}

/* Levels -> normalised values. numpy's table holds the same (float)(level * scale + offset). */
static void normalise(const uint8_t *restrict levels, int64_t n, double scale, double offset, float *restrict out) {
    for (int64_t i = 0; i < n; i++) out[i] = (float)(levels[i] * scale + offset);
}

/* Where one row of patches is put together: a strip (patch lines, 3 channels, width); one line of it as it comes, in whole
 * cache lines; levels and values of one channel of a patch. */
typedef struct {
    uint8_t *strip, *line, *levels;
    float *values;
} desk;

/* A strip -> its patch rows, one after the other, so that memory is written in order. The model takes the frame as two
 * equal ones. */
INLINE void write_patches(const desk *on, int64_t width, const double *scale, const double *offset, int64_t patch,
                          int64_t merge, float *rows) {
    const int64_t area = patch * patch;
    for (int64_t column = 0; column * patch < width; column++) {
        float *row = rows + (column / merge * merge * merge + column % merge) * 6 * area;
        for (int64_t channel = 0; channel < 3; channel++, row += 2 * area) {
            const uint8_t *source = on->strip + channel * width + column * patch;
            for (int64_t y = 0; y < patch; y++) memcpy(on->levels + y * patch, source + y * 3 * width, (size_t)patch);
            normalise(on->levels, area, scale[channel], offset[channel], on->values);
            store_past_caches(row, on->values, area);
            store_past_caches(row + area, on->values, area);
        }
    }
}

/* The stage's result -> patch rows. */
static void make_patch_rows(stage *last, const desk *on, const double *scale, const double *offset, int64_t patch,
                            int64_t merge, float *out) {
    const int64_t width = last->columns->size_out, row_size = 6 * patch * patch;
    for (int64_t top = 0; top < last->rows->size_out; top += patch) {
        for (int64_t y = 0; y < patch; y++) {
            make_line(last, top + y, on->line);
            split_channels(on->line, width, on->strip + y * 3 * width);
        }
        const int64_t group_row = top / patch / merge, in_group = top / patch % merge;
        float *rows = out + (group_row * (width / patch) + in_group) * merge * row_size;
        if (patch == 14 && merge == 2)
            write_patches(on, width, scale, offset, 14, 2, rows);
        else
            write_patches(on, width, scale, offset, patch, merge, rows);
    }
    end_of_stores();
}

/* A picture with `step` bytes from row to row, through one or two resizes -> patch rows (N, 3 channels, 2 equal frames,
 * patch, patch) in merge-group order. passes: of each resize over columns and over rows. scale, offset: of the three
 * channels. Width and height after the last pass are multiples of patch * merge. N3D_LEFT_TO_NUMPY: no memory. */
int EXPORT(n3d_picture_rows)(const uint8_t *source, int64_t step, const n3d_pass *passes, int64_t num_resizes,
                             const double *scale, const double *offset, int64_t patch, int64_t merge, float *out) {
    stage stages[2];
    arena memory = {NULL, 0};
    desk on = {NULL, NULL, NULL, NULL};
    for (int filled = 0; filled < 2; filled++) { /* first to learn how much memory that takes */
        if (filled && !(memory.start = aligned_alloc(LINE, memory.used))) return N3D_LEFT_TO_NUMPY;
        if (filled) memset(memory.start, 0, memory.used);
        memory.used = 0;
        for (int64_t i = 0; i < num_resizes; i++) {
            stages[i] = (stage){.columns = passes + 2 * i, .rows = passes + 2 * i + 1, .before = i ? stages : NULL,
                                .source = source, .source_step = step};
            lay_out(stages + i, &memory);
        }
        const int64_t width = stages[num_resizes - 1].columns->size_out;
        on.strip = take(&memory, patch * 3 * width), on.line = take(&memory, stride_of(3 * width));
        on.levels = take(&memory, patch * patch);
        on.values = (float *)take(&memory, patch * patch * (int64_t)sizeof *on.values);
    }
    make_patch_rows(stages + num_resizes - 1, &on, scale, offset, patch, merge, out);
    free(memory.start);
    return N3D_DONE;
}
