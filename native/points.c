/* Depth or a point map -> the mean normalised point of every patch.
 *
 * The same arithmetic as n3d_ros/depth.py: coordinates are rounded to float16, negated into the checkpoint frame (x left,
 * y up, z forward), shifted by their minimum corner and scaled in float32. What is summed is summed in float64: the
 * summands have so few bits that almost every sum is exact, so the order of additions does not matter.
 * Three sweeps, because the minimum is needed for the distances and their mean for the points. */
#include <float.h>
#include <math.h>

#include "kernels.h"

#define BLOCK 16 /* rows are padded to multiples of it, with pixels that hold nothing */
#define FLOAT16_MAX 65504.0f

/* One picture of points. depth: (height, width), or NULL; then x, y, z lie at points + row + column + axis steps.
 * Steps count floats. rays_x (width), rays_y (height): x and y at depth 1 in the optical frame. */
typedef struct {
    const float *depth;
    const float *points;
    int64_t row_step, column_step, axis_step;
    int64_t height, width;
    const float *rays_x, *rays_y;
} n3d_scene;

/* One row of points in the checkpoint frame; NaN in all three where there is no measurement. */
typedef struct {
    float *x, *y, *z;
} row_of_points;

/* Nearest float16, ties to even, as a float32; for values up to 65504. Adding 1.5 * 2^13 times the value's power of two
 * (at least 2^-14, where float16 becomes subnormal) makes float32 round where float16 does; subtracting takes it back. */
INLINE float round_to_float16(float value) {
    int32_t bits;
    float power;
    memcpy(&bits, &value, sizeof bits);
    bits &= 0x7f800000;
    bits = bits > 0x38800000 ? bits : 0x38800000;
    memcpy(&power, &bits, sizeof power);
    power *= 12288.0f;
    return (value + power) - power;
}

CLONES static void depth_row(const float *restrict depth, int64_t width, const float *restrict rays_x, float ray_y,
                             float *restrict x, float *restrict y, float *restrict z) {
    for (int64_t i = 0; i < width; i++) {
        float metres = depth[i] > 0.0f && depth[i] <= FLT_MAX ? depth[i] : NAN;
        x[i] = -round_to_float16(metres * rays_x[i]);
        y[i] = -round_to_float16(metres * ray_y);
        z[i] = round_to_float16(metres);
    }
}

static void points_row(const n3d_scene *scene, int64_t row, row_of_points out) {
    const float *source = scene->points + row * scene->row_step;
    for (int64_t i = 0; i < scene->width; i++, source += scene->column_step) {
        float x = source[0], y = source[scene->axis_step], z = source[2 * scene->axis_step];
        int finite = fabsf(x) <= FLT_MAX && fabsf(y) <= FLT_MAX && fabsf(z) <= FLT_MAX;
        out.x[i] = finite ? -round_to_float16(x) : NAN;
        out.y[i] = finite ? -round_to_float16(y) : NAN;
        out.z[i] = finite ? round_to_float16(z) : NAN;
    }
}

static void load_row(const n3d_scene *scene, int64_t row, row_of_points out) {
    if (scene->depth)
        depth_row(scene->depth + row * scene->row_step, scene->width, scene->rays_x, scene->rays_y[row], out.x, out.y,
                  out.z);
    else
        points_row(scene, row, out);
}

/* sums[i], one per column: += coordinate from the corner where there is a measurement. */
CLONES static void add_shifted(const float *restrict values, int64_t n, float shift, double *restrict sums) {
    for (int64_t i = 0; i < n; i++) sums[i] += values[i] == values[i] ? values[i] - shift : 0.0f;
}

/* sums[i] += distance from the corner, counts[i] += 1 where there is a measurement. */
CLONES static void add_distances(const float *restrict x, const float *restrict y, const float *restrict z, int64_t n,
                                 const float *restrict shift, double *restrict sums, int32_t *restrict counts) {
    for (int64_t i = 0; i < n; i++) {
        float dx = x[i] - shift[0], dy = y[i] - shift[1], dz = z[i] - shift[2];
        float distance = sqrtf((dx * dx + dy * dy) + dz * dz);
        sums[i] += distance == distance ? distance : 0.0f;
        counts[i] += z[i] == z[i];
    }
}

/* sums[i] += the normalised coordinate, or its mean where there is none. */
CLONES static void add_normalised(const float *restrict values, int64_t n, float shift, float scale, float mean,
                                  double *restrict sums) {
    for (int64_t i = 0; i < n; i++) {
        float normalised = (values[i] - shift) * scale;
        sums[i] += values[i] == values[i] ? normalised : mean;
    }
}

static int64_t bin_start(int64_t i, int64_t size, int64_t count) { return i * size / count; }
static int64_t bin_end(int64_t i, int64_t size, int64_t count) { return ((i + 1) * size + count - 1) / count; }

/* Means over the bins of one row of bins: sums (3, padded) over the rows -> out (columns, 3). */
static void write_means(const double *sums, int64_t padded, int64_t width, int64_t columns, int64_t num_rows, float *out) {
    for (int64_t j = 0; j < columns; j++) {
        int64_t start = bin_start(j, width, columns), end = bin_end(j, width, columns);
        for (int axis = 0; axis < 3; axis++) {
            double sum = 0.0;
            for (int64_t i = start; i < end; i++) sum += sums[axis * padded + i];
            out[3 * j + axis] = (float)(sum / (double)(num_rows * (end - start)));
        }
    }
}

/* Rounding and multiplying keep order, so the extremes of what was measured give the minimum corner. Row by row for y,
 * column by column for x. NaN compares false and changes nothing. */
CLONES static void update_extremes(const float *restrict depth, int64_t n, float ray_y, float *restrict nearest,
                                   float *restrict farthest, float *restrict highest_y) {
    for (int64_t i = 0; i < n; i++) {
        float metres = depth[i] > 0.0f && depth[i] <= FLT_MAX ? depth[i] : NAN, y = metres * ray_y;
        nearest[i] = metres < nearest[i] ? metres : nearest[i];
        farthest[i] = metres > farthest[i] ? metres : farthest[i];
        highest_y[i] = y > highest_y[i] ? y : highest_y[i];
    }
}

static void depth_corner(const n3d_scene *scene, float *nearest, float *farthest, float *highest_y,
                         float *corner, float *reach) {
    for (int64_t y = 0; y < scene->height; y++)
        update_extremes(scene->depth + y * scene->row_step, scene->width, scene->rays_y[y], nearest, farthest, highest_y);
    float steepest = fmaxf(fabsf(scene->rays_y[0]), fabsf(scene->rays_y[scene->height - 1]));
    for (int64_t i = 0; i < scene->width; i++) {
        if (farthest[i] < nearest[i]) continue; /* nothing measured in this column */
        float ray = scene->rays_x[i], x = ray > 0.0f ? farthest[i] * ray : nearest[i] * ray;
        corner[0] = fminf(corner[0], -x);
        corner[1] = fminf(corner[1], -highest_y[i]);
        corner[2] = fminf(corner[2], nearest[i]);
        *reach = fmaxf(*reach, farthest[i] * fmaxf(1.0f, fmaxf(fabsf(ray), steepest)));
    }
}

static void points_corner(const n3d_scene *scene, float *corner, float *reach) {
    for (int64_t row = 0; row < scene->height; row++) {
        const float *source = scene->points + row * scene->row_step;
        for (int64_t i = 0; i < scene->width; i++, source += scene->column_step) {
            float x = source[0], y = source[scene->axis_step], z = source[2 * scene->axis_step];
            float farthest = fmaxf(fabsf(x), fmaxf(fabsf(y), fabsf(z)));
            if (!(x - x == 0.0f && y - y == 0.0f && z - z == 0.0f)) continue;
            corner[0] = fminf(corner[0], -x), corner[1] = fminf(corner[1], -y), corner[2] = fminf(corner[2], z);
            *reach = fmaxf(*reach, farthest);
        }
    }
}

/* Minimum corner; N3D_LEFT_TO_NUMPY when there is no point, or one beyond float16. scratch: (3, width). */
static int find_corner(const n3d_scene *scene, float *scratch, float *corner) {
    const int64_t width = scene->width;
    float reach = -INFINITY;
    for (int axis = 0; axis < 3; axis++) corner[axis] = INFINITY;
    for (int64_t i = 0; i < width; i++) scratch[i] = INFINITY, scratch[width + i] = scratch[2 * width + i] = -INFINITY;
    if (scene->depth)
        depth_corner(scene, scratch, scratch + width, scratch + 2 * width, corner, &reach);
    else
        points_corner(scene, corner, &reach);
    if (!(reach >= 0.0f && reach <= FLOAT16_MAX)) return N3D_LEFT_TO_NUMPY;
    for (int axis = 0; axis < 3; axis++) corner[axis] = round_to_float16(corner[axis]);
    return N3D_DONE;
}

/* pooled: (rows * columns, 3) float32. facts: shift x, y, z, mean distance, number of valid points.
 * N3D_LEFT_TO_NUMPY: no point, a point beyond float16, no extent, no memory; numpy has the error for each. */
int n3d_pool_points(const n3d_scene *scene, int64_t rows, int64_t columns, float *pooled, double *facts) {
    const int64_t padded = (scene->width + BLOCK - 1) / BLOCK * BLOCK;
    float *line = malloc((size_t)padded * (8 * sizeof(float) + 4 * sizeof(double)));
    if (!line) return N3D_LEFT_TO_NUMPY;
    row_of_points row = {line, line + padded, line + 2 * padded};
    for (int64_t i = 0; i < 3 * padded; i++) line[i] = NAN;
    float *scratch = line + 3 * padded, shift[3];
    int32_t *counts = (int32_t *)(line + 6 * padded);
    double *sums = (double *)(line + 8 * padded), totals[4] = {0};
    int64_t count = 0;
    memset(counts, 0, (size_t)padded * (2 * sizeof *counts + 4 * sizeof *sums));
    const float *values[3] = {row.x, row.y, row.z};
    int status = find_corner(scene, scratch, shift);
    if (status == N3D_DONE) {
        for (int64_t y = 0; y < scene->height; y++) {
            load_row(scene, y, row);
            for (int axis = 0; axis < 3; axis++) add_shifted(values[axis], padded, shift[axis], sums + axis * padded);
            add_distances(row.x, row.y, row.z, padded, shift, sums + 3 * padded, counts);
        }
        for (int64_t i = 0; i < padded; i++) {
            for (int sum = 0; sum < 4; sum++) totals[sum] += sums[sum * padded + i];
            count += counts[i];
        }
        if (!(totals[3] > 0.0)) status = N3D_LEFT_TO_NUMPY;
    }
    if (status == N3D_DONE) {
        const double distance = totals[3] / (double)count, scale = 1.0 / distance;
        for (int64_t i = 0; i < rows; i++) {
            const int64_t start = bin_start(i, scene->height, rows), end = bin_end(i, scene->height, rows);
            memset(sums, 0, (size_t)padded * 3 * sizeof *sums);
            for (int64_t y = start; y < end; y++) {
                load_row(scene, y, row);
                for (int axis = 0; axis < 3; axis++)
                    add_normalised(values[axis], padded, shift[axis], (float)scale,
                                   (float)(totals[axis] / (double)count * scale), sums + axis * padded);
            }
            write_means(sums, padded, scene->width, columns, end - start, pooled + 3 * i * columns);
        }
        for (int axis = 0; axis < 3; axis++) facts[axis] = shift[axis];
        facts[3] = distance, facts[4] = (double)count;
    }
    free(line);
    return status;
}

/* out (n, width): beside each other rows index[i][0], [1], [2] of a table (any, block), then zeros. */
int n3d_gather_blocks(const float *table, int64_t block, const int64_t *index, int64_t n, int64_t width, float *out) {
    for (int64_t i = 0; i < n; i++, out += width) {
        for (int axis = 0; axis < 3; axis++)
            memcpy(out + axis * block, table + index[3 * i + axis] * block, (size_t)block * sizeof *out);
        memset(out + 3 * block, 0, (size_t)(width - 3 * block) * sizeof *out);
    }
    return N3D_DONE;
}
