/* Depth or a point map -> the mean normalised point of every patch.
 *
 * The same arithmetic as n3d_ros/preprocess/depth.py: coordinates are rounded to float16, negated into the checkpoint frame (x left,
 * y up, z forward), shifted by their minimum corner and scaled in float32. What is summed is summed in float64: the
 * summands have so few bits that almost every sum is exact, so the order of additions does not matter.
 * Three sweeps, because the minimum is needed for the distances and their mean for the points. The first one copies what
 * it reads, so that the others find whole lanes beside each other whatever the caller's layout; they keep their sums in
 * registers. */
#include <float.h>
#include <math.h>

#include "kernels.h"

#define LANES 16 /* columns handled together, sums of each in registers; rows are padded to multiples of it */
#define FLOAT16_MAX 65504.0f

/* The scene in one piece, in the checkpoint frame: planes (height, padded), NaN where there is no measurement. With rays_x
 * (padded) and rays_y (height), z is depth as measured; without them x, y, z are points, rounded to float16. */
typedef struct {
    int64_t height, padded;
    const float *rays_x, *rays_y;
    float *x, *y, *z;
} point_planes;

typedef struct {
    float x, y, z;
} point;

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

/* All bits where a number is measured, none where it is NaN. */
INLINE int32_t measured(float value) { return -(int32_t)(value == value); }

/* One of two by bits: of a choice GCC makes branches, or two additions where a sum follows. */
INLINE float pick(int32_t first, float value, float other) {
    int32_t bits, other_bits;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&other_bits, &other, sizeof bits);
    bits = (bits & first) | (other_bits & ~first);
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* b where a is NaN. */
INLINE float lower(float a, float b) { return a < b ? a : b; }
INLINE float higher(float a, float b) { return a > b ? a : b; }

/* Extremes of what was measured, lane by lane; farthest: of z, or of any coordinate's absolute value where points came. */
typedef struct {
    float least_x[LANES], least_y[LANES], nearest[LANES], farthest[LANES];
} extremes;

/* 16 pixels, `step` floats apart, into a row of metres and its extremes. */
INLINE void take_metres(const float *restrict depth, int64_t step, const float *restrict rays_x, float *restrict out,
                        float *restrict nearest, float *restrict farthest, float *restrict least_x) {
    for (int lane = 0; lane < LANES; lane++) {
        float metres = depth[lane * step];
        metres = metres > 0.0f && metres <= FLT_MAX ? metres : NAN;
        out[lane] = metres;
        nearest[lane] = lower(metres, nearest[lane]);
        farthest[lane] = higher(metres, farthest[lane]);
        least_x[lane] = lower(metres * rays_x[lane], least_x[lane]);
    }
}

/* Rounding and multiplying keep order, so the extremes of what was measured give the minimum corner. */
INLINE void take_row(const float *depth, int64_t row_step, int64_t step, int64_t width, const float *rays_x, float ray_y, float *out,
                     extremes *all) {
    float nearest[LANES], farthest[LANES], least_x[LANES], rest[LANES];
    int64_t start = 0;
    for (int lane = 0; lane < LANES; lane++)
        nearest[lane] = INFINITY, farthest[lane] = -INFINITY, least_x[lane] = all->least_x[lane], rest[lane] = NAN;
    for (; start + LANES <= width; start += LANES) {
        for (int64_t ahead = 0; ahead < step && ahead < 2; ahead++)
            __builtin_prefetch(depth + row_step + start * step + ahead * LANES);
        take_metres(depth + start * step, step, rays_x + start, out + start, nearest, farthest, least_x);
    }
    for (int64_t i = start; i < width; i++) rest[i - start] = depth[i * step];
    if (start < width) take_metres(rest, 1, rays_x + start, out + start, nearest, farthest, least_x);
    for (int lane = 0; lane < LANES; lane++) {
        all->least_x[lane] = least_x[lane];
        if (farthest[lane] < nearest[lane]) continue; /* nothing measured in these columns */
        all->least_y[lane] = lower((ray_y < 0.0f ? farthest[lane] : nearest[lane]) * ray_y, all->least_y[lane]);
        all->nearest[lane] = lower(nearest[lane], all->nearest[lane]);
        all->farthest[lane] = higher(farthest[lane], all->farthest[lane]);
    }
}

static void take_depth(const n3d_scene *scene, const point_planes *planes, extremes *all) {
    for (int64_t y = 0; y < scene->height; y++) {
        const float *depth = scene->depth + y * scene->row_step;
        const float ray_y = planes->rays_y[y];
        float *out = planes->z + y * planes->padded;
        switch (scene->column_step) { /* a constant step makes whole loads of it */
        case 1: take_row(depth, scene->row_step, 1, scene->width, planes->rays_x, ray_y, out, all); break;
        case 2: take_row(depth, scene->row_step, 2, scene->width, planes->rays_x, ray_y, out, all); break;
        default: take_row(depth, scene->row_step, scene->column_step, scene->width, planes->rays_x, ray_y, out, all);
        }
    }
}

static void take_points(const n3d_scene *scene, const point_planes *planes, extremes *all) {
    for (int64_t row = 0; row < scene->height; row++) {
        const float *source = scene->points + row * scene->row_step;
        for (int64_t i = 0; i < scene->width; i++, source += scene->column_step) {
            const int64_t at = row * planes->padded + i, lane = i % LANES;
            float x = -source[0], y = -source[scene->axis_step], z = source[2 * scene->axis_step];
            if (!(fabsf(x) <= FLT_MAX && fabsf(y) <= FLT_MAX && fabsf(z) <= FLT_MAX)) x = y = z = NAN;
            planes->x[at] = round_to_float16(x);
            planes->y[at] = round_to_float16(y);
            planes->z[at] = round_to_float16(z);
            all->least_x[lane] = lower(x, all->least_x[lane]);
            all->least_y[lane] = lower(y, all->least_y[lane]);
            all->nearest[lane] = lower(z, all->nearest[lane]);
            all->farthest[lane] = higher(fmaxf(fabsf(x), fmaxf(fabsf(y), fabsf(z))), all->farthest[lane]);
        }
        for (int64_t i = row * planes->padded + scene->width; i < (row + 1) * planes->padded; i++)
            planes->x[i] = planes->y[i] = planes->z[i] = NAN;
    }
}

/* The scene's planes and its minimum corner. N3D_LEFT_TO_NUMPY when there is no point, or perhaps one beyond float16. */
static int take_scene(const n3d_scene *scene, const point_planes *planes, float *corner) {
    extremes all;
    float least[3] = {INFINITY, INFINITY, INFINITY}, farthest = -INFINITY, steepest = 1.0f;
    for (int lane = 0; lane < LANES; lane++)
        all.least_x[lane] = all.least_y[lane] = all.nearest[lane] = INFINITY, all.farthest[lane] = -INFINITY;
    if (planes->rays_x) {
        take_depth(scene, planes, &all);
        for (int64_t i = 0; i < scene->width; i++) steepest = fmaxf(steepest, fabsf(planes->rays_x[i]));
        for (int64_t i = 0; i < scene->height; i++) steepest = fmaxf(steepest, fabsf(planes->rays_y[i]));
    } else {
        take_points(scene, planes, &all);
    }
    for (int lane = 0; lane < LANES; lane++) {
        least[0] = fminf(least[0], all.least_x[lane]), least[1] = fminf(least[1], all.least_y[lane]);
        least[2] = fminf(least[2], all.nearest[lane]), farthest = fmaxf(farthest, all.farthest[lane]);
    }
    if (!(farthest >= 0.0f && farthest * steepest <= FLOAT16_MAX)) return N3D_LEFT_TO_NUMPY;
    for (int axis = 0; axis < 3; axis++) corner[axis] = round_to_float16(least[axis]);
    return N3D_DONE;
}

/* The point of pixel i from the corner; all NaN where there is no measurement. */
INLINE point from_corner(const point_planes *planes, int64_t i, float ray_x, float ray_y, const float *corner, int by_rays) {
    if (!by_rays) return (point){planes->x[i] - corner[0], planes->y[i] - corner[1], planes->z[i] - corner[2]};
    const float metres = planes->z[i];
    return (point){round_to_float16(metres * ray_x) - corner[0], round_to_float16(metres * ray_y) - corner[1],
                   round_to_float16(metres) - corner[2]};
}

/* Sums over all points of x, y, z from the corner and of the distance from it, and their number. */
INLINE void sum_planes(const point_planes *planes, const float *corner, int by_rays, double *totals, int64_t *count) {
    double x[LANES] = {0}, y[LANES] = {0}, z[LANES] = {0}, distance[LANES] = {0};
    int32_t num[LANES] = {0};
    for (int64_t row = 0; row < planes->height; row++) {
        const float ray_y = by_rays ? planes->rays_y[row] : 0.0f;
        for (int64_t start = 0; start < planes->padded; start += LANES)
            for (int lane = 0; lane < LANES; lane++) {
                const float ray_x = by_rays ? planes->rays_x[start + lane] : 0.0f;
                const point from = from_corner(planes, row * planes->padded + start + lane, ray_x, ray_y, corner, by_rays);
                const float far = sqrtf((from.x * from.x + from.y * from.y) + from.z * from.z);
                const int32_t here = measured(from.z);
                x[lane] += pick(here, from.x, 0.0f), y[lane] += pick(here, from.y, 0.0f);
                z[lane] += pick(here, from.z, 0.0f), distance[lane] += pick(here, far, 0.0f);
                num[lane] -= here;
            }
    }
    for (int lane = 0; lane < LANES; lane++) {
        totals[0] += x[lane], totals[1] += y[lane], totals[2] += z[lane], totals[3] += distance[lane];
        *count += num[lane];
    }
}

static void sum_scene(const point_planes *planes, const float *corner, double *totals, int64_t *count) {
    if (planes->rays_x)
        sum_planes(planes, corner, 1, totals, count);
    else
        sum_planes(planes, corner, 0, totals, count);
}

/* sums (3, padded): over rows [start, end), of the normalised coordinate or of its mean where there is none. */
INLINE void sum_columns(const point_planes *planes, int64_t start, int64_t end, const float *corner, float scale,
                        const float *mean, int by_rays, double *sums) {
    const point none = {mean[0], mean[1], mean[2]};
    for (int64_t column = 0; column < planes->padded; column += LANES) {
        double x[LANES] = {0}, y[LANES] = {0}, z[LANES] = {0};
        for (int64_t row = start; row < end; row++) {
            const float ray_y = by_rays ? planes->rays_y[row] : 0.0f;
            for (int lane = 0; lane < LANES; lane++) {
                const float ray_x = by_rays ? planes->rays_x[column + lane] : 0.0f;
                const point from = from_corner(planes, row * planes->padded + column + lane, ray_x, ray_y, corner, by_rays);
                const int32_t here = measured(from.z);
                x[lane] += pick(here, from.x * scale, none.x);
                y[lane] += pick(here, from.y * scale, none.y);
                z[lane] += pick(here, from.z * scale, none.z);
            }
        }
        memcpy(sums + column, x, sizeof x);
        memcpy(sums + planes->padded + column, y, sizeof y);
        memcpy(sums + 2 * planes->padded + column, z, sizeof z);
    }
}

static void sum_bin_rows(const point_planes *planes, int64_t start, int64_t end, const float *corner, float scale,
                                const float *mean, double *sums) {
    if (planes->rays_x)
        sum_columns(planes, start, end, corner, scale, mean, 1, sums);
    else
        sum_columns(planes, start, end, corner, scale, mean, 0, sums);
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

/* pooled: (rows * columns, 3) float32. summary: shift x, y, z, mean distance, number of valid points. sums: (3, padded). */
static int pool_planes(const n3d_scene *scene, const point_planes *planes, int64_t rows, int64_t columns, double *sums,
                       float *pooled, double *summary) {
    double totals[4] = {0};
    float corner[3], mean[3];
    int64_t count = 0;
    if (take_scene(scene, planes, corner) != N3D_DONE) return N3D_LEFT_TO_NUMPY;
    sum_scene(planes, corner, totals, &count);
    if (!(totals[3] > 0.0)) return N3D_LEFT_TO_NUMPY;
    const double distance = totals[3] / (double)count, scale = 1.0 / distance;
    for (int axis = 0; axis < 3; axis++) mean[axis] = (float)(totals[axis] / (double)count * scale);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t start = bin_start(i, scene->height, rows), end = bin_end(i, scene->height, rows);
        sum_bin_rows(planes, start, end, corner, (float)scale, mean, sums);
        write_means(sums, planes->padded, scene->width, columns, end - start, pooled + 3 * i * columns);
    }
    for (int axis = 0; axis < 3; axis++) summary[axis] = corner[axis];
    summary[3] = distance, summary[4] = (double)count;
    return N3D_DONE;
}

/* As pool_planes(). N3D_LEFT_TO_NUMPY: no point, perhaps one beyond float16, no extent, no memory; numpy has the error for
 * each. */
int EXPORT(n3d_pool_points)(const n3d_scene *scene, int64_t rows, int64_t columns, float *pooled, double *summary) {
    const int64_t padded = (scene->width + LANES - 1) / LANES * LANES, plane = scene->height * padded;
    const int64_t num_floats = scene->depth ? plane + padded + scene->height : 3 * plane;
    double *sums = malloc((size_t)(3 * padded) * sizeof *sums + (size_t)num_floats * sizeof(float));
    if (!sums) return N3D_LEFT_TO_NUMPY;
    float *z = (float *)(sums + 3 * padded), *rest = z + plane;
    point_planes planes = {.height = scene->height, .padded = padded, .z = z};
    if (scene->depth) { /* x and y point the other way than in the optical frame */
        for (int64_t i = 0; i < padded; i++) rest[i] = i < scene->width ? -scene->rays_x[i] : 0.0f;
        for (int64_t i = 0; i < scene->height; i++) rest[padded + i] = -scene->rays_y[i];
        planes.rays_x = rest, planes.rays_y = rest + padded;
    } else {
        planes.x = rest, planes.y = rest + plane;
    }
    const int status = pool_planes(scene, &planes, rows, columns, sums, pooled, summary);
    free(sums);
    return status;
}

/* out (n, width): beside each other rows index[i][0], [1], [2] of a table (any, block), then zeros. */
int EXPORT(n3d_gather_blocks)(const float *table, int64_t block, const int64_t *index, int64_t n, int64_t width, float *out) {
    for (int64_t i = 0; i < n; i++, out += width) {
        for (int axis = 0; axis < 3; axis++)
            memcpy(out + axis * block, table + index[3 * i + axis] * block, (size_t)block * sizeof *out);
        memset(out + 3 * block, 0, (size_t)(width - 3 * block) * sizeof *out);
    }
    return N3D_DONE;
}
