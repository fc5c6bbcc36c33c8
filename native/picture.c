/* Pillow's two-pass resize of RGB pictures, and patch rows of the result.
 *
 * Pillow (src/libImaging/Resample.c) multiplies grey levels with weights of 22 fractional bits, adds one half,
 * shifts and clips to 8 bits after each pass. Integers only, so the same bits come out in any order of additions.
 * Coefficients and first source pixels come from n3d_ros/preprocess/resample.py, which also bounds them: a window
 * [first, first + taps) never leaves the source. */
#include "kernels.h"

int n3d_abi(void) { return N3D_ABI; }

#define PRECISION_BITS 22
#define ONE_HALF (1 << (PRECISION_BITS - 1))
#define STRETCH 96 /* bytes of a row that are summed together */
#define SIDE 16 /* of the blocks that are transposed */
#define TILE 32 /* rows that the column pass handles side by side */
#define CHUNK 64 /* target columns that it computes at a time, so that their sources stay in the first cache */

#if defined(__clang__)
#define INTERLEAVE(low, high, ...) __builtin_shufflevector(low, high, __VA_ARGS__)
#else
#define INTERLEAVE(low, high, ...) __builtin_shuffle(low, high, (bytes){__VA_ARGS__})
#endif

typedef uint8_t bytes __attribute__((vector_size(SIDE)));
INLINE uint8_t level(int32_t sum) {
    sum >>= PRECISION_BITS;
    sum = sum < 0 ? 0 : sum;
    sum = sum > 255 ? 255 : sum;
    return (uint8_t)sum;
}

/* out[i] = one output of i's `taps` sources, `step` apart. A constant number of taps lets the compiler keep the sum in a
 * register. TYPE: uint8_t, or int32_t where levels were widened before. */
#define DEFINE_WEIGH(NAME, TYPE) \
    INLINE void NAME(const TYPE *restrict source, int64_t step, int64_t n, const int32_t *restrict weight, int64_t taps, \
                     uint8_t *restrict out) { \
        for (int64_t i = 0; i < n; i++) { \
            int32_t sum = ONE_HALF; \
            for (int64_t tap = 0; tap < taps; tap++) sum += source[tap * step + i] * weight[tap]; \
            out[i] = level(sum); \
        } \
    } \
    /* The same for any number of taps: sums of a stretch stay in the first cache. */ \
    INLINE void NAME##_any(const TYPE *restrict source, int64_t step, int64_t n, const int32_t *restrict weight, \
                           int64_t taps, uint8_t *restrict out) { \
        int32_t sums[STRETCH]; \
        for (int64_t start = 0; start < n; start += STRETCH) { \
            const int64_t length = n - start < STRETCH ? n - start : STRETCH; \
            for (int64_t i = 0; i < length; i++) sums[i] = ONE_HALF; \
            for (int64_t tap = 0; tap < taps; tap++) \
                for (int64_t i = 0; i < length; i++) sums[i] += source[tap * step + start + i] * weight[tap]; \
            for (int64_t i = 0; i < length; i++) out[start + i] = level(sums[i]); \
        } \
    }
DEFINE_WEIGH(weigh, uint8_t)
DEFINE_WEIGH(weigh_wide, int32_t)

/* Whether weights read the same backwards: so they do where a picture shrinks by a whole number, except at its ends. */
INLINE int mirrored(const int32_t *weight, int64_t taps) {
    for (int64_t tap = 0; tap < taps / 2; tap++)
        if (weight[tap] != weight[taps - 1 - tap]) return 0;
    return 1;
}

/* weigh() for such weights and even `taps`: the two sources of a weight are added as 16 bits before they are widened, so
 * that half the products remain. */
INLINE void weigh_mirrored(const uint8_t *restrict source, int64_t step, int64_t n, const int32_t *restrict weight,
                           int64_t taps, uint8_t *restrict out) {
    for (int64_t i = 0; i < n; i++) {
        int32_t sum = ONE_HALF;
        for (int64_t tap = 0; tap < taps / 2; tap++) {
            const uint16_t pair = (uint16_t)(source[tap * step + i] + source[(taps - 1 - tap) * step + i]);
            sum += pair * weight[tap];
        }
        out[i] = level(sum);
    }
}

/* 16 rows of 16 bytes -> 16 columns: four rounds of interleaving the upper with the lower half. */
INLINE void transpose(const uint8_t *source, int64_t source_step, uint8_t *target, int64_t target_step) {
    bytes a[SIDE], b[SIDE];
    for (int i = 0; i < SIDE; i++) memcpy(&a[i], source + i * source_step, SIDE);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < SIDE / 2; i++) {
            b[2 * i] = INTERLEAVE(a[i], a[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            b[2 * i + 1] = INTERLEAVE(a[i], a[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        memcpy(a, b, sizeof a);
    }
    for (int i = 0; i < SIDE; i++) memcpy(target + i * target_step, &a[i], SIDE);
}

/* `rows` (at most 32) rows of n bytes -> (n, 32), the rows side by side. */
CLONES static void to_tile(const uint8_t *source, int64_t step, int64_t rows, int64_t n, uint8_t *restrict tile) {
    int64_t done = 0;
    for (; rows == TILE && done + SIDE <= n; done += SIDE)
        for (int top = 0; top < TILE; top += SIDE)
            transpose(source + top * step + done, step, tile + done * TILE + top, TILE);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = done; i < n; i++) tile[i * TILE + row] = source[row * step + i];
}

CLONES static void widen(const uint8_t *restrict tile, int64_t n, int32_t *restrict wide) {
    for (int64_t i = 0; i < n; i++) wide[i] = tile[i];
}

/* (n, 32) bytes -> `rows` rows of n bytes. */
CLONES static void from_tile(const uint8_t *tile, int64_t rows, int64_t n, uint8_t *target, int64_t step) {
    int64_t done = 0;
    for (; rows == TILE && done + SIDE <= n; done += SIDE)
        for (int top = 0; top < TILE; top += SIDE)
            transpose(tile + done * TILE + top, TILE, target + top * step + done, step);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = done; i < n; i++) target[row * step + i] = tile[i * TILE + row];
}

/* Source columns from first[0] on as (columns, 3 channels, 32 rows) -> (out_width, 3, 32). */
#define EACH_COLUMN(WEIGH, TAPS) \
    for (int64_t x = 0; x < out_width; x++) \
        WEIGH(tile + (first[x] - first[0]) * 3 * TILE, 3 * TILE, 3 * TILE, weights + x * taps, TAPS, out + x * 3 * TILE)

CLONES static void resize_tile(const int32_t *restrict tile, int64_t out_width, const int32_t *restrict first,
                               const int32_t *restrict weights, int64_t taps, uint8_t *restrict out) {
    switch (taps) {
    case 4: EACH_COLUMN(weigh_wide, 4); break;
    case 5: EACH_COLUMN(weigh_wide, 5); break;
    case 12: EACH_COLUMN(weigh_wide, 12); break;
    default: EACH_COLUMN(weigh_wide_any, taps);
    }
}

/* (height, in_width, 3) with `step` bytes from row to row -> (height, out_width, 3). */
int n3d_resize_columns(const uint8_t *source, int64_t step, int64_t height, int64_t out_width,
                       const int32_t *first, const int32_t *weights, int64_t taps, uint8_t *out) {
    int64_t widest = 0;
    for (int64_t x = 0; x < out_width; x += CHUNK) {
        int64_t last = (x + CHUNK < out_width ? x + CHUNK : out_width) - 1;
        widest = first[last] + taps - first[x] > widest ? first[last] + taps - first[x] : widest;
    }
    int32_t *wide = malloc((size_t)widest * 3 * TILE * (sizeof *wide + 1));
    if (!wide) return N3D_LEFT_TO_NUMPY;
    uint8_t *tile = (uint8_t *)(wide + widest * 3 * TILE), resized[CHUNK * 3 * TILE];
    memset(tile, 0, (size_t)widest * 3 * TILE); /* a last tile may be lower than 32 rows */
    for (int64_t y = 0; y < height; y += TILE) {
        int64_t rows = height - y < TILE ? height - y : TILE;
        for (int64_t x = 0; x < out_width; x += CHUNK) {
            int64_t columns = out_width - x < CHUNK ? out_width - x : CHUNK;
            int64_t sources = first[x + columns - 1] + taps - first[x];
            to_tile(source + y * step + first[x] * 3, step, rows, sources * 3, tile);
            widen(tile, sources * 3 * TILE, wide);
            resize_tile(wide, columns, first + x, weights + x * taps, taps, resized);
            from_tile(resized, rows, columns * 3, out + (y * out_width + x) * 3, out_width * 3);
        }
    }
    free(wide);
    return N3D_DONE;
}

/* One output row of n bytes from `taps` source rows. */
CLONES static void resize_row(const uint8_t *restrict source, int64_t step, int64_t n, const int32_t *restrict weight,
                              int64_t taps, uint8_t *restrict out) {
    switch (taps) {
    case 4: weigh(source, step, n, weight, 4, out); break;
    case 5: weigh(source, step, n, weight, 5, out); break;
    case 12:
        if (mirrored(weight, 12))
            weigh_mirrored(source, step, n, weight, 12, out);
        else
            weigh(source, step, n, weight, 12, out);
        break;
    default: weigh_any(source, step, n, weight, taps, out);
    }
}

/* (in_height, width, 3) with `step` bytes from row to row -> (out_height, width, 3). */
int n3d_resize_rows(const uint8_t *source, int64_t step, int64_t width, int64_t out_height, const int32_t *first,
                    const int32_t *weights, int64_t taps, uint8_t *out) {
    int64_t n = width * 3;
    for (int64_t y = 0; y < out_height; y++)
        resize_row(source + first[y] * step, step, n, weights + y * taps, taps, out + y * n);
    return N3D_DONE;
}

/* RGB pixels -> (3, width) planes. */
CLONES static void split_channels(const uint8_t *restrict pixels, int64_t width, uint8_t *restrict planes) {
    for (int64_t x = 0; x < width; x++) {
        planes[x] = pixels[3 * x];
        planes[width + x] = pixels[3 * x + 1];
        planes[2 * width + x] = pixels[3 * x + 2];
    }
}

/* Levels -> normalised values, twice: the model takes the frame as two equal ones. numpy's table holds the same
 * (float)(level * scale + offset). */
CLONES static void normalise_twice(const uint8_t *restrict levels, int64_t n, double scale, double offset,
                                   float *restrict out) {
    float *restrict again = out + n;
    for (int64_t i = 0; i < n; i++) out[i] = again[i] = (float)(levels[i] * scale + offset);
}

/* A strip (patch lines, 3 channels, width) -> its patch rows, one after the other, so that memory is written in order. */
INLINE void write_patches(const uint8_t *strip, int64_t width, const double *scale, const double *offset, int64_t patch,
                          int64_t merge, uint8_t *levels, float *rows) {
    const int64_t area = patch * patch;
    for (int64_t column = 0; column * patch < width; column++) {
        float *row = rows + (column / merge * merge * merge + column % merge) * 6 * area;
        for (int64_t channel = 0; channel < 3; channel++) {
            const uint8_t *source = strip + channel * width + column * patch;
            for (int64_t y = 0; y < patch; y++) memcpy(levels + y * patch, source + y * 3 * width, (size_t)patch);
            normalise_twice(levels, area, scale[channel], offset[channel], row + channel * 2 * area);
        }
    }
}

/* The last pass over rows, straight into patch rows (N, 3 channels, 2 equal frames, patch, patch) in merge-group order.
 * taps = 0: the picture has its height already. scale, offset: of the three channels. width and out_height are multiples
 * of patch * merge. */
int n3d_patch_rows(const uint8_t *source, int64_t step, int64_t width, int64_t out_height, const int32_t *first,
                   const int32_t *weights, int64_t taps, const double *scale, const double *offset, int64_t patch,
                   int64_t merge, float *out) {
    const int64_t row_size = 6 * patch * patch, n = 3 * width;
    uint8_t *line = malloc((size_t)(n + patch * n + patch * patch));
    if (!line) return N3D_LEFT_TO_NUMPY;
    uint8_t *strip = line + n, *levels = strip + patch * n;
    for (int64_t top = 0; top < out_height; top += patch) {
        for (int64_t y = top; y < top + patch; y++) {
            if (taps) resize_row(source + first[y] * step, step, n, weights + y * taps, taps, line);
            split_channels(taps ? line : source + y * step, width, strip + (y - top) * n);
        }
        const int64_t group_row = top / patch / merge, in_group = top / patch % merge;
        float *rows = out + (group_row * (width / patch) + in_group) * merge * row_size;
        if (patch == 14 && merge == 2)
            write_patches(strip, width, scale, offset, 14, 2, levels, rows);
        else
            write_patches(strip, width, scale, offset, patch, merge, levels, rows);
    }
    free(line);
    return N3D_DONE;
}
